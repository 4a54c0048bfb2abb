"""The one shape of every table: frozen, no unknown key, no silent conversion, documented where each key stands."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A TOML table. `"5"` is no number and `1` is no truth value: a mistake is refused, not converted."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that this table may have in a file."""
        return tuple(cls.model_fields)
