# cmake --install: the headers, and what find_package(nn) reads. Nothing depends on the machine, hence share/ and not lib/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(nn_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/nn)
# The header is the only place that knows the version.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS include/nn/version.hpp)
file(STRINGS include/nn/version.hpp nn_version REGEX "^#define NN_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" nn_version "${nn_version}")
list(JOIN nn_version . nn_version)
write_basic_package_version_file(nn-config-version.cmake VERSION ${nn_version} COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

install(DIRECTORY include/nn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(TARGETS nn EXPORT nn-targets)
install(EXPORT nn-targets NAMESPACE nn:: DESTINATION ${nn_package_dir})
install(FILES cmake/nn-config.cmake cmake/nn-dependencies.cmake ${CMAKE_CURRENT_BINARY_DIR}/nn-config-version.cmake
        DESTINATION ${nn_package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
