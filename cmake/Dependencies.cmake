# Finds what the system provides and makes what the project builds itself; every error names the missing package.

find_package(Threads REQUIRED)

find_path(SCALER_BOOST_INCLUDE_DIR boost/asio.hpp)
if(NOT SCALER_BOOST_INCLUDE_DIR)
  message(FATAL_ERROR "Boost headers are missing: install the package 'libboost1.81-dev' (Boost 1.81 or newer).")
endif()
file(STRINGS "${SCALER_BOOST_INCLUDE_DIR}/boost/version.hpp" boost_version_line REGEX "define BOOST_VERSION ")
string(REGEX MATCH "[0-9]+" boost_version "${boost_version_line}")
if(boost_version LESS 108100)
  message(FATAL_ERROR "Boost ${boost_version} is too old: install the package 'libboost1.81-dev' (Boost 1.81 or newer).")
endif()
add_library(scaler_boost INTERFACE)
target_include_directories(scaler_boost SYSTEM INTERFACE "${SCALER_BOOST_INCLUDE_DIR}")
target_compile_definitions(scaler_boost INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(scaler_boost INTERFACE Threads::Threads)

find_path(SCALER_CAPNP_INCLUDE_DIR capnp/message.h)
if(NOT SCALER_CAPNP_INCLUDE_DIR)
  message(FATAL_ERROR "Cap'n Proto headers are missing: install the package 'libcapnp-dev'.")
endif()
find_program(SCALER_CAPNP_COMPILER capnp)
find_program(SCALER_CAPNPC_CXX capnpc-c++)
if(NOT SCALER_CAPNP_COMPILER OR NOT SCALER_CAPNPC_CXX)
  message(FATAL_ERROR "The Cap'n Proto schema compiler is missing: install the package 'capnproto'.")
endif()

# Modules link static, position-independent, hidden archives (see scripts/library_tool.sh for the reason).
set(SCALER_PREFIX "${CMAKE_CURRENT_SOURCE_DIR}/.cache/prefix" CACHE PATH "Where scripts/library_tool.sh installs")
if(DEFINED ENV{SCALER_PREFIX})
  set(SCALER_PREFIX "$ENV{SCALER_PREFIX}")
endif()
execute_process(
  COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/scripts/library_tool.sh" capnp all "--prefix=${SCALER_PREFIX}"
  RESULT_VARIABLE capnp_result
)
if(NOT capnp_result EQUAL 0)
  message(FATAL_ERROR "scripts/library_tool.sh could not make the Cap'n Proto archives; its last line says what is missing.")
endif()
add_library(scaler_capnp INTERFACE)
target_include_directories(scaler_capnp SYSTEM INTERFACE "${SCALER_CAPNP_INCLUDE_DIR}")
target_link_libraries(
  scaler_capnp INTERFACE "${SCALER_PREFIX}/lib/libcapnp.a" "${SCALER_PREFIX}/lib/libkj.a" Threads::Threads
)

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
