/* Stage: what the fuzz targets play on: a hub in a test world (csrc/world.h) with two users. What goes in comes from the
 * fuzzer; what comes out is looked at by the stage: every letter's JSON must be text that the library itself would take.
 * It is built anew every so many runs, so that a run does not carry all that others left. */
#ifndef TM_FUZZ_STAGE_H
#define TM_FUZZ_STAGE_H

#include "client.h"

#include <sqlite3.h>

typedef struct stage {
    tm_world *world;
    tm_mailbox *mailboxes[2];
    tm_client *clients[2]; /* alice, bob */
    sqlite3 *hub;          /* another connection to the hub's database, as another process has it */
    unsigned runs;
    char said[16];       /* the text of stage_say */
    bool is_sent, heard; /* bob was told so; alice was */
} stage;

/* The stage, as the last run left it or new. Ends the process when it cannot be built. */
stage *stage_enter(void);
/* A call of alice (0) or bob (1); the texts are copied, `json` is taken over. Whether it was accepted. */
bool stage_call(stage *of, int who, tm_call_kind kind, const char *conv_id, int32_t conv_type,
                const char *text, cJSON *json);
/* Lets all work and looks at what came. */
void stage_settle(stage *of);
/* Bob says something to alice; if he is told that it is sent and she does not hear of it, something is wrong. */
void stage_say(stage *of);
/* Checks that a tree comes back from its text as it is. */
void stage_check_tree(const cJSON *tree);
/* Ends with a message: something is wrong that no sanitizer sees. */
_Noreturn void stage_wrong(const char *what);

/* ---- bytes as a program reads them; beyond the end all are 0 ---- */
typedef struct bytes {
    const uint8_t *at, *end;
} bytes;
unsigned bytes_one(bytes *from);
uint64_t bytes_number(bytes *from); /* often one at the ends of a range */
/* A text of up to `most` bytes, without NUL; freed with free. */
char *bytes_text(bytes *from, size_t most);

#endif
