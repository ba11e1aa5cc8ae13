# cmake -DNN_PROGRAM=<vad> -DNN_SCRATCH=<dir> -P vad.cmake: what the program says of its arguments and files, and where.
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/program.cmake)
set(usage "usage: vad WEIGHTS.safetensors AUDIO.wav [--probabilities]\n")

file(REMOVE_RECURSE ${NN_SCRATCH})
file(WRITE ${NN_SCRATCH}/text "This is no recording, and these are no weights.")
set(text ${NN_SCRATCH}/text)

write_wav(good "\\001" "\\200\\076") # 16000
write_wav(stereo "\\002" "\\200\\076")
write_wav(slow "\\001" "\\100\\037") # 8000
set(good ${NN_SCRATCH}/good.wav)
set(stereo ${NN_SCRATCH}/stereo.wav)
set(slow ${NN_SCRATCH}/slow.wav)

# Arguments.
expect(1 "" "${usage}")
expect(1 "" "${usage}" weights)
expect(1 "" "${usage}" weights ${good} --loud)
expect(1 "" "${usage}" weights ${good} --probabilities ${good})

# The recording.
set(no_wav "expected a WAV file; libsndfile says:")
expect(1 "" "vad: nowhere.wav: ${no_wav} System error : No such file or directory.\n" weights nowhere.wav)
expect(1 "" "vad: ${text}: ${no_wav} Format not recognised.\n" weights ${text})
expect(1 "" "vad: ${slow}: 8000 samples a second, expected 16000\n" weights ${slow})
expect(1 "" "vad: ${stereo}: 2 channels, expected 1\n" weights ${stereo})

# The weights.
expect(1 "" "vad: nn::SafetensorsFile: nowhere: cannot be opened: No such file or directory\n" nowhere ${good})
expect(1 "" "vad: nn::SafetensorsFile: ${good}: the header is 172977703250 bytes long by the file's first 8, but only 40 follow\n" #
       ${good} ${good})
