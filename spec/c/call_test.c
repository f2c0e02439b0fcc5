/* Call: the table against the public header and against the rule by which Lua's names are made.
 * Run from the project's root (it reads csrc/include/TIMCloud.h). */
#include "call.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* TIMMsgSendNewMsg -> send_new_msg, TIMConvCreate -> conv_create */
static void lua_name_of(const char *c_name, char *name)
{
    c_name += strlen("TIM");
    if (strncmp(c_name, "Msg", 3) == 0) c_name += 3;
    for (const char *at = c_name; *at; at++) {
        if (isupper((unsigned char)*at) && at > c_name) *name++ = '_';
        *name++ = (char)tolower((unsigned char)*at);
    }
    *name = '\0';
}

static void names(void **state)
{
    (void)state;
    static char header[1 << 16];
    FILE *file = fopen("csrc/include/TIMCloud.h", "r");
    assert_non_null(file);
    size_t length = fread(header, 1, sizeof header - 1, file);
    header[length] = '\0';
    fclose(file);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        const tm_call_type *call = tm_call_type_of((tm_call_kind)kind);
        char text[128];
        assert_non_null(call->c_name);
        lua_name_of(call->c_name, text);
        assert_string_equal(call->lua_name, text);
        snprintf(text, sizeof text, "TIM_DECL int %s(", call->c_name);
        if (!strstr(header, text)) fail_msg("TIMCloud.h has no %s", call->c_name);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(call->c_name, tm_call_type_of((tm_call_kind)other)->c_name);
    }
}

/* The prototype's parameters are those that the entry names, in its order. */
static void parameters(void **state)
{
    (void)state;
    static char header[1 << 16];
    FILE *file = fopen("csrc/include/TIMCloud.h", "r");
    assert_non_null(file);
    size_t length = fread(header, 1, sizeof header - 1, file);
    header[length] = '\0';
    fclose(file);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        const tm_call_type *call = tm_call_type_of((tm_call_kind)kind);
        char text[512], names[256] = "", wanted[256] = "";
        snprintf(text, sizeof text, "TIM_DECL int %s(", call->c_name);
        const char *at = strstr(header, text);
        assert_non_null(at);
        at += strlen(text);
        snprintf(text, sizeof text, "%.*s", (int)strcspn(at, ")"), at);
        for (char *parameter = strtok(text, ","); parameter; parameter = strtok(NULL, ",")) {
            size_t end = strlen(parameter), start = end;
            while (start > 0 && (isalnum((unsigned char)parameter[start - 1]) || parameter[start - 1] == '_'))
                start--;
            const char *name = strncmp(parameter + start, "json_", 5) == 0 ? "json" : parameter + start;
            strncat(names, name, sizeof names - strlen(names) - 1);
            strncat(names, " ", sizeof names - strlen(names) - 1);
        }
        bool has_cb = kind != TM_CALL_CONV_SET_DRAFT && kind != TM_CALL_CONV_CANCEL_DRAFT;
        snprintf(wanted, sizeof wanted, "%s%s%s%s%s%s%s%s", call->has_conv ? "conv_id conv_type " : "",
                 call->json && call->json_before_text ? "json " : "",
                 call->first_text ? call->first_text : "", call->first_text ? " " : "",
                 call->second_text ? call->second_text : "", call->second_text ? " " : "",
                 call->json && !call->json_before_text ? "json " : "", has_cb ? "cb user_data " : "");
        assert_string_equal(names, wanted);
    }
}

static void flags(void **state)
{
    (void)state;
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        const tm_call_type *call = tm_call_type_of((tm_call_kind)kind);
        assert_int_equal(call->needs_login, kind != TM_CALL_LOGIN && kind != TM_CALL_SET_CONFIG);
        assert_int_equal(call->json_optional, kind == TM_CALL_REPORT_READED || kind == TM_CALL_SET_CONFIG);
        assert_int_equal(call->second_text_optional, call->second_text != NULL);
        if (!call->json) assert_false(call->json_is_array || call->json_before_text);
        if (!call->result) assert_false(call->result_is_array);
        if (call->json != &tm_schema_message) assert_int_equal(call->mode, TM_CHECK_PLAIN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(parameters),
        cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
