# persona_add_plugin(NAME SOURCES a.cpp ... [LIBS lib ...] [OPTIONS file.yaml] [NO_TESTS])
#
# A plugin NAME.so: hidden visibility, no unique symbols, one exported function, everything bound at
# load, never unmapped. A build fails when it exports anything else. Where tests are enabled, two come
# by themselves: NAME.inspect and NAME.conformance; the latter takes the plugin's options from OPTIONS
# (a line `name: value` for each).
function(persona_add_plugin name)
  cmake_parse_arguments(ARG "NO_TESTS" "OPTIONS" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "persona_add_plugin(${name}): SOURCES is missing")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "persona_add_plugin(${name}): unknown argument ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE Persona::sdk ${ARG_LIBS})
  target_compile_features(${name} PRIVATE cxx_std_17)
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map
    -Wl,-z,now -Wl,-z,nodelete -Wl,--build-id)
  # The sanitizers leave their run time to the program.
  if(NOT PERSONA_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD COMMAND Persona::plugin_tool exports $<TARGET_FILE:${name}>
                     VERBATIM)
  if(NOT ARG_NO_TESTS)
    set(_options "")
    if(ARG_OPTIONS)
      get_filename_component(_file ${ARG_OPTIONS} ABSOLUTE)
      set(_options --options ${_file})
    endif()
    add_test(NAME ${name}.inspect COMMAND Persona::plugin_tool inspect $<TARGET_FILE:${name}>)
    add_test(NAME ${name}.conformance
             COMMAND Persona::plugin_tool check $<TARGET_FILE:${name}> ${_options})
  endif()
endfunction()
