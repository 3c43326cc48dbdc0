# Finds what the system provides and makes what the project builds itself; every error names the missing package.

find_package(Threads REQUIRED)

# Libraries that were installed here come before those of the system.
set(SCALER_PREFIX "${CMAKE_CURRENT_SOURCE_DIR}/.cache/prefix" CACHE PATH "Where scripts/library_tool.sh installs")
if(CMAKE_CROSSCOMPILING)
  list(APPEND CMAKE_FIND_ROOT_PATH "${SCALER_PREFIX}")
elseif(DEFINED ENV{SCALER_PREFIX})
  set(SCALER_PREFIX "$ENV{SCALER_PREFIX}")
endif()

find_path(SCALER_BOOST_INCLUDE_DIR boost/asio.hpp HINTS "${SCALER_PREFIX}/include")
if(NOT SCALER_BOOST_INCLUDE_DIR)
  message(
    FATAL_ERROR "Boost headers are missing: install the package 'libboost1.81-dev' (Boost 1.81 or newer), or run "
                "scripts/library_tool.sh boost all --prefix=${SCALER_PREFIX}."
  )
endif()
file(STRINGS "${SCALER_BOOST_INCLUDE_DIR}/boost/version.hpp" boost_version_line REGEX "define BOOST_VERSION ")
string(REGEX MATCH "[0-9]+" boost_version "${boost_version_line}")
if(boost_version LESS 108100)
  message(FATAL_ERROR "Boost ${boost_version} is too old: install the package 'libboost1.81-dev' (Boost 1.81 or newer).")
endif()
message(STATUS "Boost ${boost_version}: ${SCALER_BOOST_INCLUDE_DIR}")
add_library(scaler_boost INTERFACE)
target_include_directories(scaler_boost SYSTEM INTERFACE "${SCALER_BOOST_INCLUDE_DIR}")
target_compile_definitions(scaler_boost INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(scaler_boost INTERFACE Threads::Threads)
if(WIN32)
  # Windows 10; and without what windows.h otherwise brings along, such as a macro min.
  target_compile_definitions(scaler_boost INTERFACE _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX)
  target_link_libraries(scaler_boost INTERFACE ws2_32 mswsock bcrypt)
endif()

# Compiled with what the schema compiler writes are headers and archives of its own release.
function(scaler_find_capnp_compiler)
  find_program(SCALER_CAPNP_COMPILER capnp HINTS "${SCALER_PREFIX}/bin")
  find_program(SCALER_CAPNPC_CXX capnpc-c++ HINTS "${SCALER_PREFIX}/bin")
endfunction()

# Runs scripts/library_tool for Cap'n Proto; it does nothing when the result is there.
function(scaler_install_capnp)
  if(CMAKE_HOST_WIN32)
    set(tool powershell -ExecutionPolicy Bypass -File "${CMAKE_CURRENT_SOURCE_DIR}/scripts/library_tool.ps1")
  else()
    set(tool "${CMAKE_CURRENT_SOURCE_DIR}/scripts/library_tool.sh")
  endif()
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -E env "CAPNP=${SCALER_CAPNP_COMPILER}" ${tool} capnp all "--prefix=${SCALER_PREFIX}" ${ARGN}
    RESULT_VARIABLE capnp_result
  )
  if(NOT capnp_result EQUAL 0)
    message(FATAL_ERROR "scripts/library_tool could not make Cap'n Proto's archives; its last line says what is missing.")
  endif()
endfunction()

scaler_find_capnp_compiler()
cmake_path(GET SCALER_CAPNP_COMPILER PARENT_PATH capnp_prefix)
cmake_path(GET capnp_prefix PARENT_PATH capnp_prefix)
if(CMAKE_CROSSCOMPILING)
  if(NOT SCALER_CAPNP_COMPILER OR NOT SCALER_CAPNPC_CXX)
    message(FATAL_ERROR "The Cap'n Proto schema compiler of this machine is missing: install the package 'capnproto'.")
  endif()
  scaler_install_capnp("--toolchain=${CMAKE_TOOLCHAIN_FILE}")
  set(capnp_prefix "${SCALER_PREFIX}")
elseif(NOT SCALER_CAPNP_COMPILER OR NOT SCALER_CAPNPC_CXX)
  message(STATUS "The system has no Cap'n Proto: compiling all of it, which takes some minutes")
  unset(SCALER_CAPNP_COMPILER CACHE)
  unset(SCALER_CAPNPC_CXX CACHE)
  scaler_install_capnp()
  scaler_find_capnp_compiler()
  set(capnp_prefix "${SCALER_PREFIX}")
elseif(NOT EXISTS "${capnp_prefix}/lib/capnp.version")
  # The compiler is the system's, the archives are ours (see scripts/library_tool.sh for the reason).
  scaler_install_capnp(--without-compiler)
  set(capnp_prefix "${SCALER_PREFIX}")
endif()
message(STATUS "Cap'n Proto: ${capnp_prefix}, with the schema compiler ${SCALER_CAPNP_COMPILER}")
set(SCALER_CAPNP_INCLUDE_DIR "${capnp_prefix}/include")
add_library(scaler_capnp INTERFACE)
target_include_directories(scaler_capnp SYSTEM INTERFACE "${SCALER_CAPNP_INCLUDE_DIR}")
target_link_libraries(
  scaler_capnp
  INTERFACE "${capnp_prefix}/lib/${CMAKE_STATIC_LIBRARY_PREFIX}capnp${CMAKE_STATIC_LIBRARY_SUFFIX}"
            "${capnp_prefix}/lib/${CMAKE_STATIC_LIBRARY_PREFIX}kj${CMAKE_STATIC_LIBRARY_SUFFIX}" Threads::Threads
)
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES "${SCALER_CAPNP_INCLUDE_DIR}")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
check_cxx_source_compiles("#include <capnp/blob.h>" SCALER_CAPNP_HEADERS_ARE_COMPLETE)
unset(CMAKE_TRY_COMPILE_TARGET_TYPE)
unset(CMAKE_REQUIRED_INCLUDES)
if(NOT SCALER_CAPNP_HEADERS_ARE_COMPLETE)
  if(MSVC)
    target_compile_options(scaler_capnp INTERFACE "/FI${CMAKE_CURRENT_LIST_DIR}/kj_comparison.h")
  else()
    target_compile_options(scaler_capnp INTERFACE "SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/kj_comparison.h")
  endif()
endif()

if(SCALER_BUILD_MODULES)
  set(stable_abi_component "")
  if(SCALER_STABLE_ABI)
    if(CMAKE_VERSION VERSION_LESS 3.26)
      message(FATAL_ERROR "SCALER_STABLE_ABI needs CMake 3.26 or newer, this is ${CMAKE_VERSION}: pip install cmake, or "
                          "build the wheel with -C cmake.version='>=3.26'."
      )
    endif()
    set(stable_abi_component Development.SABIModule)
  endif()
  find_package(Python 3.10 COMPONENTS Interpreter Development.Module ${stable_abi_component})
  if(NOT Python_Interpreter_FOUND)
    message(FATAL_ERROR "Python is missing: install the package 'python3' (3.10 or newer).")
  endif()
  if(NOT Python_Development.Module_FOUND)
    message(FATAL_ERROR "The headers of ${Python_EXECUTABLE} are missing: install the package 'python3-dev'.")
  endif()
  if(SCALER_STABLE_ABI AND (Python_VERSION VERSION_LESS 3.12 OR NOT TARGET Python::SABIModule))
    message(FATAL_ERROR "SCALER_STABLE_ABI needs CPython 3.12 or newer, ${Python_EXECUTABLE} is ${Python_VERSION}: "
                        "choose another interpreter, or set SCALER_STABLE_ABI=OFF."
    )
  endif()
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -m nanobind --cmake_dir
    OUTPUT_STRIP_TRAILING_WHITESPACE
    OUTPUT_VARIABLE nanobind_ROOT
    RESULT_VARIABLE nanobind_result
  )
  if(NOT nanobind_result EQUAL 0)
    message(FATAL_ERROR "nanobind is missing in ${Python_EXECUTABLE}: pip install 'nanobind>=3.1'.")
  endif()
  find_package(nanobind 3.1 CONFIG)
  if(NOT nanobind_FOUND)
    message(FATAL_ERROR "nanobind in ${Python_EXECUTABLE} is older than 3.1: pip install 'nanobind>=3.1'.")
  endif()
endif()
