# Man pages and completion, generated from the tables of `turnout --help` and from the page on the configuration file:
# whatever verb or option is added is in them by itself. The program that was just built is asked (turnout --describe).
find_package(Python3 COMPONENTS Interpreter)
set(TURNOUT_MANUAL_DIR "${PROJECT_BINARY_DIR}/manual")
if(Python3_FOUND AND NOT TURNOUT_FUZZ AND NOT CMAKE_CROSSCOMPILING)
    set(TURNOUT_HAS_MANUAL ON)
    file(MAKE_DIRECTORY "${TURNOUT_MANUAL_DIR}")
    file(GLOB manual_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/scripts/lib/manual/*.py")
    set(manual_page "${PROJECT_SOURCE_DIR}/docs/reference/configuration.md")
    set(manual_files turnout.1 turnout.yaml.5 turnout.bash _turnout)
    list(TRANSFORM manual_files PREPEND "${TURNOUT_MANUAL_DIR}/")
    add_custom_command(OUTPUT ${manual_files}
        COMMAND turnout --describe > "${TURNOUT_MANUAL_DIR}/description.json"
        COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1 "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/scripts/lib/manual"
            "${TURNOUT_MANUAL_DIR}/description.json" "${manual_page}" "${TURNOUT_MANUAL_DIR}"
        DEPENDS turnout ${manual_sources} "${manual_page}"
        COMMENT "Generating man pages and completion" VERBATIM)
    add_custom_target(manual ALL DEPENDS ${manual_files})
endif()
