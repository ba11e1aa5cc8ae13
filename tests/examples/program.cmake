# For the scripts that run a program as its users do: they set NN_PROGRAM and include this.

# expect(<status> <out> <err> <argument>…): what the program returns with these arguments, and all that it prints, in full.
function(expect wanted_status wanted_out wanted_err)
    execute_process(COMMAND ${NN_PROGRAM} ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE err)
    foreach(what status out err)
        if(NOT "${${what}}" STREQUAL "${wanted_${what}}")
            message(SEND_ERROR "${NN_PROGRAM} ${ARGN}\nexpected ${what}:\n${wanted_${what}}\ngot:\n${${what}}")
        endif()
    endforeach()
endfunction()

# expect_no_room(<err> <argument>…): it says so, once, where standard output is full or closed.
function(expect_no_room wanted_err)
    foreach(place >/dev/full >&-)
        execute_process(COMMAND sh -c "exec \"$0\" \"$@\" ${place}" ${NN_PROGRAM} ${ARGN} RESULT_VARIABLE status ERROR_VARIABLE err)
        if(NOT status EQUAL 1 OR NOT err STREQUAL wanted_err)
            message(SEND_ERROR "${NN_PROGRAM} ${ARGN} ${place}\nexpected 1 and:\n${wanted_err}\ngot ${status} and:\n${err}")
        endif()
    endforeach()
endfunction()

# write_wav(<name> <channels> <rate>): NN_SCRATCH/<name>.wav of two samples; the numbers are little-endian, for printf.
function(write_wav name channels rate)
    string(CONCAT format "RIFF\\050\\0\\0\\0WAVE" #
           "fmt \\020\\0\\0\\0\\001\\0${channels}\\0${rate}\\0\\0\\0\\0\\0\\0\\002\\0\\020\\0" #
           "data\\004\\0\\0\\0\\0\\0\\0\\0")
    execute_process(COMMAND printf ${format} OUTPUT_FILE ${NN_SCRATCH}/${name}.wav COMMAND_ERROR_IS_FATAL ANY)
endfunction()
