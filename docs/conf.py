"""How Sphinx builds the documentation: everything comes from this repository, nothing from the network."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent / "extensions"))

project = "Scaler"
release = (ROOT / "src" / "scaler" / "version.txt").read_text().strip()
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "generated_pages"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["extensions"]
suppress_warnings = ["myst.header"]  # pages may take in a part of another document, which begins at a lower heading
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "alabaster"
html_title = f"Scaler {release}"
html_theme_options = {
    "description": "Runs Python functions on many cores and many machines.",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "sidebar_width": "260px",
}
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
