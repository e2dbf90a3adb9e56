"""OHIF's configuration: which spaces there are, and nothing outside of this deployment."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

ROOT = "/viewer"
"""The path below which the viewer lies."""

_MODES_OF_A_PHONE = {
    "@ohif/mode-longitudinal": {"routes": {"0": {"layoutInstance": {"props": {"leftPanelClosed": {"$set": True}}}}}}
}
_ROOTS = ("qidoRoot", "wadoRoot", "wadoUriRoot")
# What OHIF's own page says in scripts of its own, which the Content-Security-Policy of ours refuses, stands here too.
_SCRIPT = """// Framed by another site it may be left without storage: then it forgets at its end.
for (const storage of ["localStorage", "sessionStorage"]) {{
  try {{
    window[storage].length;
  }} catch {{
    const kept = new Map();
    const value = {{
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, text) => void kept.set(String(key), String(text)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
      key: (index) => [...kept.keys()][index] ?? null,
      get length() {{
        return kept.size;
      }},
    }};
    Object.defineProperty(window, storage, {{ value }});
  }}
}}
window.PUBLIC_URL = {public_url};
window.browserImportFunction = (module) => import(module);
window.config = {config};
// Whose picture it is stands on it: at the top it is cut short, and left out where several patients' are open.
window.config.customizationService["viewportOverlay.topLeft"] = {{
  $unshift: [
    {{
      id: "PatientName",
      inheritsFrom: "ohif.overlayItem",
      title: "Patient's name",
      condition: ({{ referenceInstance }}) => referenceInstance?.PatientName,
      contentF: ({{ referenceInstance, formatters }}) => formatters.formatPN(referenceInstance.PatientName),
    }},
    {{
      id: "PatientID",
      inheritsFrom: "ohif.overlayItem",
      title: "Patient ID",
      condition: ({{ referenceInstance }}) => referenceInstance?.PatientID,
      contentF: ({{ referenceInstance }}) => referenceInstance.PatientID,
    }},
  ],
}};
// On a phone the list of series would leave the picture a strip: it is opened when wanted. The name at the top would
// lie under the tools.
if (window.matchMedia("(max-width: 640px)").matches) {{
  window.config.modesConfiguration = {modes_of_a_phone};
  window.config.showPatientInfo = "disabled";
}}
for (const {{ configuration }} of window.config.dataSources) {{
  for (const root of {roots}) {{
    configuration[root] = window.location.origin + configuration[root];
  }}
  // Addresses in metadata begin with the public one; the viewer asks where it was opened.
  configuration.bulkDataURI.prefixWith = `${{window.location.origin}}/`;
}}
"""


def app_config(spaces: Iterable[str], public_base_address: str) -> str:
    """Write ``app-config.js`` for these spaces; the first one's studies are listed where none is named.

    Parameters
    ----------
    public_base_address
        What absolute addresses in metadata start with.
    """
    names = list(spaces)
    config = {
        "routerBasename": ROOT,
        "extensions": [],
        "modes": [],
        "customizationService": {"ohif.tours": []},  # a tour lies over the picture, and begins anew in each browser
        "showPatientInfo": "visible",
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "showErrorDetails": "production",
        # CloudFront speaks HTTP/2 and 3, where many requests side by side are one connection.
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
        "defaultDataSourceName": names[0],
        "dataSources": [_data_source(name, public_base_address) for name in names],
        **_sign_in(),
    }
    return _SCRIPT.format(
        public_url=json.dumps(f"{ROOT}/"),
        config=json.dumps(config, indent=2),
        modes_of_a_phone=json.dumps(_MODES_OF_A_PHONE),
        roots=json.dumps(_ROOTS),
    )


def _data_source(space: str, public_base_address: str) -> Mapping[str, Any]:
    return {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": space,
        "configuration": {
            "friendlyName": space,
            "name": space,
            "qidoRoot": f"/spaces/{space}",
            "wadoRoot": f"/spaces/{space}",
            "wadoUriRoot": f"/spaces/{space}/wado",
            "qidoSupportsIncludeField": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "supportsReject": False,
            "dicomUploadEnabled": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "singlepart": "bulkdata",  # of a PDF and a video OHIF would else ask for a picture
            "bulkDataURI": {
                "enabled": True,
                "relativeResolution": "studies",
                "startsWith": f"{public_base_address}/",
            },
            # Whatever an instance is stored as: the viewer decodes what DICOM knows.
            "acceptHeader": ["multipart/related; type=application/octet-stream; transfer-syntax=*"],
            "omitQuotationForMultipartRequest": True,
        },
    }


def _sign_in() -> Mapping[str, Any]:
    """The entry ``oidc``, once there is an issuer: nothing else of the viewer knows of sign-in."""
    return {}
