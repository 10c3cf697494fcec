"""`pellucid models`."""


def models() -> int:
    """List the models that come with Pellucid: name, method, licence, size, where the card lies."""
    from pellucid.app.models import bundled_models

    for model in bundled_models():
        size = f"{model.bytes / 1e6:.1f} MB" if model.bytes is not None else "not installed"
        print(f"{model.name}\t{model.method or '-'}\t{model.licence or '-'}\t{size}\t{model.card or '-'}")
    return 0
