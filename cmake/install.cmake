# cmake --install: the headers, and what find_package(nn) and pkg-config read. Nothing depends on the machine, hence share/ and not lib/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(nn_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/nn)
write_basic_package_version_file(nn-config-version.cmake VERSION ${nn_version} COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

file(RELATIVE_PATH nn_include_from_pc ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/nn.pc.in nn.pc @ONLY)

install(DIRECTORY include/nn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(TARGETS nn EXPORT nn-targets)
install(EXPORT nn-targets NAMESPACE nn:: DESTINATION ${nn_package_dir})
install(FILES cmake/nn-config.cmake cmake/nn-dependencies.cmake ${CMAKE_CURRENT_BINARY_DIR}/nn-config-version.cmake
        DESTINATION ${nn_package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nn.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES LICENSE cmake/packaging/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
