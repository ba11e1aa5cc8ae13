# cmake -DNN_DOXYGEN=<program> -DNN_ROOT=<dir> -DNN_SCRATCH=<dir> -P docs_test.cmake: the reference is refused where a public name has no
# comment, and only there.
cmake_minimum_required(VERSION 3.22)

# Makes the reference of a header with this text in namespace nn, and wants `said` in what doxygen says; an empty `said`: no fault.
function(expect text said)
    file(REMOVE_RECURSE ${NN_SCRATCH})
    file(COPY ${NN_ROOT}/cmake/docs DESTINATION ${NN_SCRATCH}/cmake)
    file(WRITE ${NN_SCRATCH}/README.md "# nn\n")
    file(MAKE_DIRECTORY ${NN_SCRATCH}/bench)
    file(WRITE ${NN_SCRATCH}/include/nn/layers/a.hpp "namespace nn::inline NN_ABI {\n${text}}\nnamespace nn::ops {}\nnamespace nn::init {}\n")
    set(NN_DOCS ${NN_SCRATCH}/site)
    configure_file(${NN_ROOT}/cmake/docs/Doxyfile.in ${NN_SCRATCH}/Doxyfile @ONLY)
    execute_process(COMMAND ${NN_DOXYGEN} Doxyfile WORKING_DIRECTORY ${NN_SCRATCH} ERROR_VARIABLE output RESULT_VARIABLE status)
    if(said STREQUAL "" AND NOT status EQUAL 0)
        message(SEND_ERROR "a fault was found where there is none, in\n${text}\n${output}")
    elseif(NOT said STREQUAL "" AND (status EQUAL 0 OR NOT output MATCHES "${said}"))
        message(SEND_ERROR "expected \"${said}\" of\n${text}\nbut doxygen said:\n${output}")
    endif()
endfunction()

expect("/// A.\nstruct A {\n    int b;  ///< b\n};\n" "")
expect("struct A {\n    int b;  ///< b\n};\n" "Compound nn::A is not documented")
expect("/// A.\nstruct A {\n    int b;\n};\n" "Member b .* is not documented")
expect("/// f.\nvoid f();\n\nvoid g();\n" "Member g.* is not documented")
expect("/// Both.\nvoid f();\ntemplate <class T>\nvoid g();\n" "")
expect("template <class T>\nconcept c = true;\n" "concept_c is not documented")
expect("enum class E { a };\n" "Member E .* is not documented")
expect("namespace detail {\nstruct A {};\n}\n" "")
# What every layer has is told in header.awk, and nothing else that looks like it.
expect("/// A.\nstruct A {\n    static void members(auto& self, auto&& f);\n    static constexpr bool carries = true;\n};\n" "")
expect("/// A.\nstruct A {\n    static constexpr bool carries_not = true;\n};\n" "Member carries_not")
