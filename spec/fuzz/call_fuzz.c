/* Fuzz target: the text face of the message API's ten functions. An input is three bytes (which function, whose
 * conversation, whether the others may look) and the JSON text. */
#include "include/TIMCloudDef.h"
#include "json.h"
#include "stage.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 3
#define FUNCTIONS ((unsigned)TM_CALL_BATCH_SEND + 1)

static const char *const conversations[] = {"bob", "alice", "crew", "nobody", "", "@TGS#x"};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return tree_mutate(data, size, most, seed, HEAD);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    return tree_cross(one, one_size, other, other_size, out, most, seed, HEAD);
}

/* What a download would fetch is somebody else's: only the check of the arguments is looked at. */
static bool is_for_the_stage(tm_call_kind kind)
{
    return kind != TM_CALL_DOWNLOAD_ELEM_TO_PATH;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_error err = {0};
    if (size < HEAD) return 0;
    tm_call_kind kind = (tm_call_kind)(data[0] % FUNCTIONS);
    const char *conversation = conversations[data[1] % (sizeof conversations / sizeof *conversations)];
    /* a copy of the exact size: a byte read beyond it is seen */
    char *text = malloc(size - HEAD + 1);
    if (!text) stage_wrong("out of memory");
    memcpy(text, data + HEAD, size - HEAD);
    text[size - HEAD] = '\0';
    cJSON *tree = tm_json_parse(text, strlen(text), 0, &err);
    if (!tree && (!*err.text || err.code != TIM_ERR_JSON)) stage_wrong("text was refused without a sentence");
    free(text);
    if (!tree) return 0;
    stage_check_tree(tree);
    stage *of = stage_enter();
    bool loaded = stage_call(of, data[2] & 1, kind, conversation, data[1] & 64 ? 2 : 1,
                             is_for_the_stage(kind) ? NULL : "/nonexistent/fuzz", tree);
    stage_settle(of);
    if (loaded && data[2] & 2)
        stage_call(of, 1, TM_CALL_GET_MSG_LIST, data[1] & 64 ? "crew" : "alice", data[1] & 64 ? 2 : 1, NULL,
                   cJSON_CreateObject());
    if (loaded && data[2] & 4) stage_call(of, data[2] & 1, TM_CALL_CONV_GET_CONV_LIST, NULL, 0, NULL, NULL);
    stage_settle(of);
    return 0;
}
