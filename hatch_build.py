"""What happens when mallku is installed from source: its kernel is compiled, if the machine can."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Compiles the kernel; a wheel with it is for this platform only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files are gathered; without a kernel the wheel is for all platforms."""
        del version
        native = Path(self.root) / "mallku" / "engine" / "native"
        reason = runpy.run_path(str(native / "build.py"))["compile_kernel"]()
        if reason:
            self.app.display_info(f"mallku's kernel was not compiled, which makes some models slower: {reason}")
            return
        build_data["artifacts"].append("mallku/engine/native/few_columns.so")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{self._platform()}"

    @staticmethod
    def _platform() -> str:
        from packaging.tags import platform_tags

        return next(platform_tags())
