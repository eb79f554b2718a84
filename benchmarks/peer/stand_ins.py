"""Stand-ins for modules that the peer imports but a training step never calls, where they are not installed.

A machine with the torch wheel and nothing else then runs peer_step.py from Python sources alone (launch/gpu_check.sh).
What is looked up in a stand-in is a class that can be named, subscripted and derived from; calling it is an error.
"""
import importlib.abc
import importlib.machinery
import sys
import types

# Compiled, or drawn in for downloads, pictures and tokenizers.
MODULES = {"numpy", "PIL", "torchvision", "safetensors", "tokenizers", "transformers", "peft", "accelerate", "scipy",
           "huggingface_hub", "requests", "httpx", "regex", "yaml", "importlib_metadata", "urllib3", "psutil"}


class _Type(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _class(f"{cls.__name__}.{name}")

    def __getitem__(cls, _):
        return cls

    def __call__(cls, *args, **kwargs):
        if len(args) == 1 and callable(args[0]) and not kwargs:  # a decorator
            return args[0]
        if cls.__module__ == __name__:
            raise RuntimeError(f"{cls.__name__} is a stand-in: install the package for this")
        return super().__call__(*args, **kwargs)


def _class(name):
    return _Type(name, (), {"__module__": __name__})


class _Module(types.ModuleType):
    __path__ = []
    __version__ = "99"  # newer than what is asked for

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = "" if name.isupper() else _class(f"{self.__name__}.{name}")  # constants are names of folders and files
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in MODULES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        pass


def install():
    """From now on a module of MODULES that is not installed is a stand-in."""
    sys.meta_path.append(_Finder())
    # diffusers asks for versions of what it requires.
    sys.modules["diffusers.dependency_versions_check"] = _Module("diffusers.dependency_versions_check")
