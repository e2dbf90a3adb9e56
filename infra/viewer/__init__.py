"""OHIF, made ready to be served below ``/viewer/``: from its npm package, never from a copy of ours."""
