# What nn stands on. Included by nn's own build and by the installed package, so that both ask for the same and say the same.
# Sets nn_DEPENDENCIES to the targets found, and nn_PROBLEM to what is missing or too old.
set(nn_DEPENDENCIES "")
set(nn_PROBLEM "")
set(nn_Eigen3_MINIMUM 3.4.0)
set(nn_xtensor_MINIMUM 0.24.3)

macro(nn_find nn_package nn_target nn_debian_package)
    if(NOT TARGET ${nn_target})
        # No version is asked for, it is compared below: Eigen 5 calls itself incompatible with a request for 3.4.
        find_package(${nn_package} CONFIG QUIET)
    endif()
    if(NOT TARGET ${nn_target})
        list(APPEND nn_PROBLEM "needs ${nn_package} >= ${nn_${nn_package}_MINIMUM}, which was not found (Debian: ${nn_debian_package})")
    elseif(${nn_package}_VERSION AND ${nn_package}_VERSION VERSION_LESS "${nn_${nn_package}_MINIMUM}")
        list(APPEND nn_PROBLEM "needs ${nn_package} >= ${nn_${nn_package}_MINIMUM}, found ${${nn_package}_VERSION} in ${${nn_package}_DIR}")
    else()
        list(APPEND nn_DEPENDENCIES ${nn_target})
    endif()
endmacro()

nn_find(Eigen3 Eigen3::Eigen libeigen3-dev)
nn_find(xtensor xtensor libxtensor-dev)

# Only <nn/io/safetensors.hpp> needs it; find_package(nn COMPONENTS safetensors) insists.
if(NOT TARGET nlohmann_json::nlohmann_json)
    find_package(nlohmann_json CONFIG QUIET)
endif()
if(TARGET nlohmann_json::nlohmann_json)
    list(APPEND nn_DEPENDENCIES nlohmann_json::nlohmann_json)
elseif("safetensors" IN_LIST nn_FIND_COMPONENTS)
    list(APPEND nn_PROBLEM "needs nlohmann_json for <nn/io/safetensors.hpp>, which was not found (Debian: nlohmann-json3-dev)")
endif()
list(JOIN nn_PROBLEM "; " nn_PROBLEM)
