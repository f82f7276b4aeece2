# Compiler settings, and the few functions by which every folder of the tree declares its targets.

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Poco 1.11 REQUIRED COMPONENTS Foundation Util Net NetSSL Crypto JSON Data DataSQLite)
find_package(PkgConfig REQUIRED)

find_program(PERSONA_CCACHE ccache)
if(PERSONA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${PERSONA_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PERSONA_CCACHE})
endif()
find_program(PERSONA_LLD ld.lld)
if(PERSONA_LLD)
  # Plugins are read as a whole at each start: two thirds of the octets of debug information are not there.
  add_link_options(-fuse-ld=lld -Wl,--compress-debug-sections=zlib)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Werror -fvisibility=hidden -fno-gnu-unique
                    -fstack-protector-strong -Wformat -Wformat-security)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # Accepted by g++ only; clang never emits the unique binding.
  get_directory_property(_options COMPILE_OPTIONS)
  list(REMOVE_ITEM _options -fno-gnu-unique)
  set_directory_properties(PROPERTIES COMPILE_OPTIONS "${_options}")
endif()
if(PERSONA_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "PERSONA_FUZZ needs clang: use the preset `fuzz`")
  endif()
  # The fuzz targets need clang, whose warnings are not those that the tree is kept free of.
  add_compile_options(-Wno-error)
endif()
if(CMAKE_BUILD_TYPE STREQUAL Release)
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro,-z,now)

set(PERSONA_SANITIZE "" CACHE STRING "address,undefined or thread; set by the presets")
if(PERSONA_SANITIZE)
  add_compile_options(-fsanitize=${PERSONA_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PERSONA_SANITIZE})
  add_compile_definitions(PERSONA_SANITIZED=1)
  if(PERSONA_SANITIZE MATCHES address)
    # In code that it instruments, g++ 12 takes checked optionals and variants for ones that are not set.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

# Adds every direct sub-folder of `dir` that has a CMakeLists.txt, and those of folders without one.
function(persona_add_tree dir)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${dir}/CMakeLists.txt)
    add_subdirectory(${PROJECT_SOURCE_DIR}/${dir} ${PROJECT_BINARY_DIR}/${dir})
    return()
  endif()
  file(GLOB _children LIST_DIRECTORIES true RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
       ${PROJECT_SOURCE_DIR}/${dir}/*)
  foreach(_child ${_children})
    if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${_child})
      persona_add_tree(${_child})
    endif()
  endforeach()
endfunction()

# Sets `out` to all targets that were declared below `dir` so far.
function(persona_targets_below out dir)
  get_property(_targets DIRECTORY ${dir} PROPERTY BUILDSYSTEM_TARGETS)
  get_property(_children DIRECTORY ${dir} PROPERTY SUBDIRECTORIES)
  foreach(_child ${_children})
    persona_targets_below(_below ${_child})
    list(APPEND _targets ${_below})
  endforeach()
  set(${out} ${_targets} PARENT_SCOPE)
endfunction()

# persona_add_library(persona_protocol SOURCES a.cpp LIBS OpenSSL::Crypto): a static library of ours.
# Everything includes by the path from the top: #include "libs/protocol/key.h".
function(persona_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
endfunction()

# persona_add_role(router SOURCES ... LIBS ...): an in-tree plugin, made as any author's, but that it may
# use the libraries of this tree and is written to PERSONA_PLUGIN_DIR.
function(persona_add_role name)
  cmake_parse_arguments(ARG "" "SUBDIR" "SOURCES;LIBS" ${ARGN})
  persona_add_plugin(plugin_${name} NO_TESTS SOURCES ${ARG_SOURCES} LIBS ${ARG_LIBS})
  target_include_directories(plugin_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(plugin_${name} PROPERTIES OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${PERSONA_PLUGIN_DIR}/${ARG_SUBDIR})
  set_property(GLOBAL APPEND PROPERTY PERSONA_PLUGINS_${ARG_SUBDIR} plugin_${name})
endfunction()

# persona_add_test(protocol_key_test SOURCES key_test.cpp LIBS persona_protocol): a GoogleTest program.
# The working directory is the top of the checkout, so data is read from tests/data/...
function(persona_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS;ENVIRONMENT" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE PERSONA_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    PERSONA_BUILD_DIR="${PROJECT_BINARY_DIR}" PERSONA_PLUGIN_DIR="${PERSONA_PLUGIN_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(PERSONA_SANITIZE)
    # The product is instrumented as it is optimised; its tests need not be fast, and building them takes
    # most of the time: half of it without optimisation.
    target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "${ARG_ENVIRONMENT}")
endfunction()

# persona_embed(persona_mail libs/mail/resources locales/en.json ...): compiles text files into a library.
# They are read with `#include "<header>.h"`: namespace persona::<room>, std::string_view resource(name);
# the name is the file's path from the folder of the call, and an unknown one gives an empty view.
function(persona_embed target room)
  set(_entries "")
  foreach(_file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${_file})
    file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${_file} _text)
    string(APPEND _entries "    {\"${_file}\", R\"embedded(${_text})embedded\"},\n")
  endforeach()
  set(_out ${CMAKE_CURRENT_BINARY_DIR}/resources.cpp)
  file(CONFIGURE OUTPUT ${_out} @ONLY CONTENT
"// Generated by persona_embed() from the files named in it.
#include \"libs/${room}/resources.h\"

#include <utility>

namespace persona::${room} {

namespace {
constexpr std::pair<std::string_view, std::string_view> kResources[] = {
@_entries@};
}  // namespace

std::string_view resource(std::string_view name) {
    for (const auto& [known, text] : kResources)
        if (known == name) return text;
    return {};
}

}  // namespace persona::${room}
")
  target_sources(${target} PRIVATE ${_out})
endfunction()
