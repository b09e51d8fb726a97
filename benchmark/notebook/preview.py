"""See in a notebook, before any training, what each strategy will show the models."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import of_the_disk_told
from benchmark.naming import suite_name
from benchmark.notebook.pictures import Pictures
from benchmark.store.writable import refuse_unwritable_output


@of_the_disk_told()
def preview(suite: str | Path, output: str | Path = "preview") -> Pictures:
    """Draw what each strategy of a suite file will show the models, as `bench preview` does, and show it.

    A contact sheet for each data set and the strengths over training lie in `output`/<suite>/.
    Raises UserError.
    """
    from benchmark.commands.preview import write_preview
    from benchmark.data import load_dataset

    refuse_unwritable_output(Path(output))
    load_dataset.cache_clear()  # see benchmark.notebook.run.run
    return Pictures(write_preview(Path(suite), Path(output) / suite_name(suite)))
