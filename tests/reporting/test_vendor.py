"""The bundled script is what the locked vl-convert makes."""

from pathlib import Path


def test_the_bundle_is_the_one_of_the_locked_version(repository: Path) -> None:
    import vl_convert

    bundle = repository / "src" / "groundwork" / "reporting" / "vendor" / "vega.js"
    made = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    assert bundle.read_text(encoding="utf-8") == made, "write it again: `make vega`"
