"""The README's cohort, command by command: what the record knows of a patient and the images that come in meet."""

import json
import re
import subprocess
from pathlib import Path

from tests.flow.client import eventually, new_study
from tests.instances import part10_instance

ROOT = Path(__file__).parents[2]
PATIENT_ID = "COHORT"  # other tests store the README's patient


def commands(front: str, image: Path) -> list[str]:
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"A cohort across .*?```sh\n(.*?)```", readme, re.DOTALL).group(1)
    block = re.sub(r"@\$\(.*\)", f"@{image}", block.replace("http://127.0.0.1:8080", front).replace("1CT1", PATIENT_ID))
    return re.split(r"^# .*\n", block, flags=re.MULTILINE)[1:]


def run(command: str) -> str:
    return subprocess.run(["bash", "-ec", command], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_finds_the_images_of_patients_with_a_condition(system, tmp_path):
    image = tmp_path / "image.dcm"
    image.write_bytes(part10_instance(new_study()[0], PatientID=PATIENT_ID, PatientName="Doe^Jane", Modality="CT"))
    record, store, find = commands(system.endpoints["front"], image)

    run(record)
    run(store)

    found = eventually("published", lambda: json.loads(run(find)).get("entry"))
    study, patient, medication = (entry["resource"] for entry in found)
    assert study["subject"] == {"reference": "Patient/ehr-1"}
    assert patient["birthDate"] == "1960-05-17", "the registration system's stays"
    assert patient["name"], "the images' is added"
    assert medication["medicationCodeableConcept"] == {"text": "Cisplatin"}
