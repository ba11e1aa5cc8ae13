"""A recipe for the tree that it lies in: conan create <nn>/cmake/packaging/conan -s compiler.cppstd=20"""

import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class NN(ConanFile):
    name = "nn"
    description = "Neural-network layers for C++20 as plain values, header-only"
    license = "MIT"
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"safetensors": [True, False]}
    default_options = {"safetensors": True}
    no_copy_source = True

    def _root(self):
        return Path(self.recipe_folder).parents[2]

    def set_version(self):
        text = (self._root() / "include/nn/version.hpp").read_text(encoding="utf-8")
        self.version = ".".join(re.findall(r"#define NN_VERSION_\w+ (\d+)", text))

    def export_sources(self):
        for pattern in "include/nn/*", "LICENSE", "cmake/packaging/NOTICE":
            copy(self, pattern, self._root(), self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4.0 <6]")
        self.requires("xtensor/[>=0.24.3 <0.28]")
        if self.options.safetensors:
            self.requires("nlohmann_json/[>=3 <4]")

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "*.hpp", Path(self.source_folder) / "include", Path(self.package_folder) / "include")
        copy(self, "LICENSE", self.source_folder, Path(self.package_folder) / "licenses")
        copy(self, "NOTICE", Path(self.source_folder) / "cmake/packaging", Path(self.package_folder) / "licenses")

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
