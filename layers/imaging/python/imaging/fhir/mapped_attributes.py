"""The attributes that Patient and ImagingStudy are made of: of the others it is no matter whether they can be read."""

MAPPED = frozenset(
    (
        # Patient
        *("00100010", "00100020", "00100021", "00100022", "00100024", "00100030", "00100040", "00101002"),
        # ImagingStudy
        *("00080020", "00080030", "00080050", "00080051", "00080090", "00080096", "00080201", "00081030", "00081032"),
        *("00081060", "00081062", "00200010", "00401012"),
        # ImagingStudy.series, without Coding Scheme Identification Sequence, which only explains codes
        *("00080021", "00080031", "00080060", "00080080", "0008103E", "00081040", "00081050", "00081052"),
        *("00081070", "00081072", "00180015", "00200011", "00200060", "00400275"),
        # ImagingStudy.series.instance, and what instances say of their series
        *("00080008", "00082218", "00200013", "00200062", "0040A043", "00420010", "00700080"),
    )
)
"""Tags of top-level attributes, 8 hexadecimal digits."""
