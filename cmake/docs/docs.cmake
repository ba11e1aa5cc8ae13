# The target `docs`: the reference, in docs/index.html of the build folder. Where there is no doxygen there is no such target.
find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
    return()
endif()
set(NN_DOCS ${PROJECT_BINARY_DIR}/docs)
file(MAKE_DIRECTORY ${NN_DOCS})
configure_file(${CMAKE_CURRENT_LIST_DIR}/Doxyfile.in ${NN_DOCS}/Doxyfile @ONLY)
add_custom_target(docs COMMAND Doxygen::doxygen ${NN_DOCS}/Doxyfile WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
