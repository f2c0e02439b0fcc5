/* A game's host: a window, a Lua state, sixty frames a second. It knows nothing of chat: all of that is in the scripts
 * beside it (arena.lua, chat.lua, overlay.lua). What it does for timmsg is one line, luaL_requiref: the library is linked
 * statically. Build and play: make game.
 *
 *   game --user NAME [--password P] [--server ADDRESS] [--data DIR] [--group ID] [--at X,Y] [--font FILE] [--fps N]
 *        [--remote]
 *
 * F5 starts the scripts anew, as they are on the disk then. An error in them is shown; F5 goes on from there.
 * --remote: a Lua expression a line on standard input, its value a line on standard output (spec/game_spec.lua). */
#include "host.h"

#include <SDL_image.h>
#include <lauxlib.h>
#include <lualib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <timmsg.h>
#include <unistd.h>

#ifndef GAME_DIR /* of the scripts */
#define GAME_DIR "examples/game"
#endif
#ifndef LUA_DIR /* of timmsg's Lua files */
#define LUA_DIR "lua"
#endif
#define FONT "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define WIDTH 960
#define HEIGHT 600

typedef struct host {
    SDL_Window *window;
    SDL_Renderer *renderer;
    lua_State *L; /* the scripts' world; a new one after each F5 */
    int argc;
    char **argv;
    char *error;                  /* the scripts failed: this is shown until F5; owned */
    char *legacy;                 /* what the last scripts left to the next; owned */
    char *snap;                   /* a picture of the next frame is to be written there; owned */
    bool held[SDL_NUM_SCANCODES]; /* from outside */
    SDL_Rect look;                /* a pixel of the next frame is to be told; no width: none is */
    bool quit;
    int frames;
} host;

/* The word behind an option, or `fallback`. */
static const char *option(const host *self, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < self->argc; i++)
        if (strcmp(self->argv[i], name) == 0) return self->argv[i + 1];
    return fallback;
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = by ? strdup(by) : NULL;
}

/* ---- the scripts ----
 *
 * arena.lua returns a function start(options, legacy) that returns the game: a table with frame(seconds), key(name),
 * text(typed), wheel(steps), drop(path) and close(), which returns the legacy for the next. */

static int add_traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* Calls the function below its arguments; an error becomes `error`. */
static bool run(host *self, int args, int results)
{
    int handler = lua_gettop(self->L) - args;
    lua_pushcfunction(self->L, add_traceback);
    lua_insert(self->L, handler);
    int status = lua_pcall(self->L, args, results, handler);
    lua_remove(self->L, handler);
    if (status == LUA_OK) return true;
    replace(&self->error, lua_tostring(self->L, -1));
    fprintf(stderr, "%s\n", self->error);
    lua_pop(self->L, 1);
    return false;
}

/* Pushes the game's function of that name; false, and nothing pushed: there is none, or the scripts have failed. */
static bool push_function(host *self, const char *name)
{
    if (self->error) return false;
    lua_getfield(self->L, LUA_REGISTRYINDEX, "game");
    lua_getfield(self->L, -1, name);
    lua_remove(self->L, -2);
    if (lua_isfunction(self->L, -1)) return true;
    lua_pop(self->L, 1);
    return false;
}

static void tell(host *self, const char *name, const char *text)
{
    if (!push_function(self, name)) return;
    lua_pushstring(self->L, text);
    run(self, 1, 0);
}

/* held(name): whether a key is down. */
static int key_held(lua_State *L)
{
    const host *self = lua_touserdata(L, lua_upvalueindex(1));
    SDL_Scancode code = SDL_GetScancodeFromName(luaL_checkstring(L, 1));
    bool known = code != SDL_SCANCODE_UNKNOWN;
    lua_pushboolean(L, known && (SDL_GetKeyboardState(NULL)[code] || self->held[code]));
    return 1;
}

/* clock(): seconds. */
static int clock_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)SDL_GetPerformanceCounter() / (lua_Number)SDL_GetPerformanceFrequency());
    return 1;
}

static const luaL_Reg host_functions[] = {{"held", key_held}, {"clock", clock_now}, {NULL, NULL}};

static void push_options(host *self)
{
    static const char *const names[] = {"user", "password", "server", "data", "group", "at"};
    lua_newtable(self->L);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[16];
        snprintf(name, sizeof name, "--%s", names[i]);
        lua_pushstring(self->L, option(self, name, NULL));
        lua_setfield(self->L, -2, names[i]);
    }
}

static void start_scripts(host *self)
{
    lua_State *L = self->L = luaL_newstate();
    if (!L) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    replace(&self->error, NULL);
    luaL_openlibs(L);
    /* timmsg, without dynamic loading: its C half from the program itself, its Lua half from files */
    luaL_requiref(L, "timmsg.core", luaopen_timmsg_core, 0);
    lua_settop(L, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    luaL_newlibtable(L, host_functions);
    lua_pushlightuserdata(L, self);
    luaL_setfuncs(L, host_functions, 1);
    lua_setfield(L, -2, "host");
    lua_settop(L, 0);
    paint_open(L, self->renderer);
    lua_getglobal(L, "package");
    lua_pushliteral(L, GAME_DIR "/?.lua;" LUA_DIR "/?.lua;" LUA_DIR "/?/init.lua");
    lua_setfield(L, -2, "path");
    lua_settop(L, 0);
    if (luaL_loadfile(L, GAME_DIR "/arena.lua")) {
        replace(&self->error, lua_tostring(L, -1));
        return;
    }
    if (!run(self, 0, 1)) return;
    push_options(self);
    lua_pushstring(L, self->legacy);
    if (run(self, 2, 1)) lua_setfield(L, LUA_REGISTRYINDEX, "game");
}

static void end_scripts(host *self)
{
    if (push_function(self, "close") && run(self, 0, 1)) {
        replace(&self->legacy, lua_tostring(self->L, -1));
        lua_pop(self->L, 1);
    }
    paint_forget();
    lua_close(self->L);
    self->L = NULL;
}

/* ---- being played from outside ---- */

static void press(const char *name)
{
    SDL_Event event = {.type = SDL_KEYDOWN};
    event.key.keysym.sym = SDL_GetKeyFromName(name);
    event.key.keysym.scancode = SDL_GetScancodeFromName(name);
    SDL_PushEvent(&event);
}

static void type(const char *text)
{
    while (*text) { /* an event has room for a few characters */
        SDL_Event event = {.type = SDL_TEXTINPUT};
        text += SDL_utf8strlcpy(event.text.text, text, sizeof event.text.text);
        SDL_PushEvent(&event);
    }
}

static void scroll(int steps)
{
    SDL_Event event = {.type = SDL_MOUSEWHEEL};
    event.wheel.y = steps;
    SDL_PushEvent(&event);
}

/* The value of an expression; `game` is the game. */
static void evaluate(host *self, const char *expression)
{
    if (self->error) {
        printf("error: %.*s\n", (int)strcspn(self->error, "\n"), self->error);
        return;
    }
    lua_State *L = self->L;
    lua_pushfstring(L, "local game = ... return %s", expression);
    bool failed = luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK;
    if (!failed) {
        lua_getfield(L, LUA_REGISTRYINDEX, "game");
        failed = lua_pcall(L, 1, 1, 0) != LUA_OK;
    }
    printf("%s%s\n", failed ? "error: " : "", luaL_tolstring(L, -1, NULL));
    lua_settop(L, 0);
}

static void look_at(host *self, const char *place)
{
    self->look = (SDL_Rect){0, 0, 1, 1};
    sscanf(place, "%d %d", &self->look.x, &self->look.y);
}

/* A line from outside: !press KEY, !hold KEY, !release KEY, !type TEXT, !wheel STEPS, !drop FILE, !snap FILE, !pixel X Y,
 * !frames; anything else is an expression. */
static void obey(host *self, const char *line)
{
    if (strncmp(line, "!press ", 7) == 0)
        press(line + 7);
    else if (strncmp(line, "!type ", 6) == 0)
        type(line + 6);
    else if (strncmp(line, "!wheel ", 7) == 0)
        scroll(atoi(line + 7));
    else if (strncmp(line, "!hold ", 6) == 0)
        self->held[SDL_GetScancodeFromName(line + 6)] = true;
    else if (strncmp(line, "!release ", 9) == 0)
        self->held[SDL_GetScancodeFromName(line + 9)] = false;
    else if (strncmp(line, "!drop ", 6) == 0)
        tell(self, "drop", line + 6);
    else if (strncmp(line, "!snap ", 6) == 0)
        replace(&self->snap, line + 6);
    else if (strncmp(line, "!pixel ", 7) == 0) {
        look_at(self, line + 7);
        return; /* answered when it is there */
    } else if (strcmp(line, "!frames") != 0) {
        evaluate(self, line);
        fflush(stdout);
        return;
    }
    printf("%d\n", self->frames);
    fflush(stdout);
}

static void listen_outside(host *self)
{
    static char line[4096];
    static size_t length;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) > 0) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1) {
            self->quit = true;
            return;
        }
        if (byte != '\n') {
            if (length < sizeof line - 1) line[length++] = byte;
            continue;
        }
        line[length] = '\0';
        length = 0;
        obey(self, line);
    }
}

/* ---- frames ---- */

static void handle(host *self, const SDL_Event *event)
{
    switch (event->type) {
    case SDL_QUIT: self->quit = true; break;
    case SDL_KEYDOWN:
        if (event->key.keysym.sym == SDLK_F5) {
            end_scripts(self);
            start_scripts(self);
        } else {
            tell(self, "key", SDL_GetKeyName(event->key.keysym.sym));
        }
        break;
    case SDL_TEXTINPUT: tell(self, "text", event->text.text); break;
    case SDL_DROPFILE:
        tell(self, "drop", event->drop.file);
        SDL_free(event->drop.file);
        break;
    case SDL_MOUSEWHEEL:
        if (push_function(self, "wheel")) {
            lua_pushinteger(self->L, event->wheel.y);
            run(self, 1, 0);
        }
        break;
    default: break;
    }
}

static void show_error(const host *self)
{
    char *text = strdup(self->error), *rest = text;
    float y = 48;
    letters_draw("The scripts failed. F5 starts them anew.", 20, 24, 14, 0xff8080ff);
    for (char *line; text && (line = strsep(&rest, "\n")) && y < HEIGHT; y += 20)
        letters_draw(line, 14, 24, y, 0xd0d0d0ff);
    free(text);
}

static void take_snap(host *self)
{
    int width = 0, height = 0;
    char part[4096]; /* whoever waits for the file shall find all of it */
    snprintf(part, sizeof part, "%s.part", self->snap);
    SDL_GetRendererOutputSize(self->renderer, &width, &height);
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, width, height, 24, SDL_PIXELFORMAT_RGB24);
    if (!surface ||
        SDL_RenderReadPixels(self->renderer, NULL, SDL_PIXELFORMAT_RGB24, surface->pixels, surface->pitch) ||
        IMG_SavePNG(surface, part) || rename(part, self->snap))
        fprintf(stderr, "%s: %s\n", self->snap, SDL_GetError());
    SDL_FreeSurface(surface);
    replace(&self->snap, NULL);
}

static void tell_pixel(host *self)
{
    Uint8 pixel[3] = {0, 0, 0};
    SDL_RenderReadPixels(self->renderer, &self->look, SDL_PIXELFORMAT_RGB24, pixel, 3);
    printf("%02x%02x%02x\n", pixel[0], pixel[1], pixel[2]);
    fflush(stdout);
    self->look.w = 0;
}

static void frame(host *self, double seconds)
{
    SDL_SetRenderDrawColor(self->renderer, 0, 0, 0, 255);
    SDL_RenderSetClipRect(self->renderer, NULL);
    SDL_RenderClear(self->renderer);
    if (push_function(self, "frame")) {
        lua_pushnumber(self->L, seconds);
        run(self, 1, 0);
    }
    if (self->error) show_error(self);
    if (self->snap) take_snap(self);
    if (self->look.w) tell_pixel(self);
    SDL_RenderPresent(self->renderer);
    self->frames++;
}

static bool open_window(host *self)
{
    char title[64];
    int x = SDL_WINDOWPOS_CENTERED, y = SDL_WINDOWPOS_CENTERED;
    snprintf(title, sizeof title, "arena: %s", option(self, "--user", "?"));
    sscanf(option(self, "--at", ""), "%d,%d", &x, &y);
    if (SDL_Init(SDL_INIT_VIDEO)) return false;
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    self->window = SDL_CreateWindow(title, x, y, WIDTH, HEIGHT, SDL_WINDOW_RESIZABLE);
    self->renderer = self->window ? SDL_CreateRenderer(self->window, -1, 0) : NULL;
    if (!self->renderer || letters_open(self->renderer, option(self, "--font", FONT))) return false;
    SDL_SetRenderDrawBlendMode(self->renderer, SDL_BLENDMODE_BLEND);
    SDL_StartTextInput();
    return true;
}

static void close_window(host *self)
{
    paint_close();
    letters_close();
    if (self->renderer) SDL_DestroyRenderer(self->renderer);
    if (self->window) SDL_DestroyWindow(self->window);
    IMG_Quit();
    SDL_Quit();
}

int main(int argc, char **argv)
{
    host self = {.argc = argc, .argv = argv};
    bool remote = argc > 1 && strcmp(argv[argc - 1], "--remote") == 0;
    int fps = atoi(option(&self, "--fps", "60"));
    Uint32 length = fps > 0 ? 1000 / (Uint32)fps : 0;
    if (!option(&self, "--user", NULL)) {
        fprintf(stderr,
                "usage: game --user NAME [--password P] [--server ADDRESS] [--data DIR] [--group ID]\n");
        return 1;
    }
    if (!open_window(&self)) {
        fprintf(stderr, "%s\n", SDL_GetError());
        close_window(&self);
        return 1;
    }
    start_scripts(&self);
    Uint64 last = SDL_GetTicks64();
    while (!self.quit) {
        SDL_Event event;
        Uint64 now = SDL_GetTicks64();
        if (remote) listen_outside(&self);
        while (SDL_PollEvent(&event))
            handle(&self, &event);
        frame(&self, (double)(now - last) / 1000);
        last = now;
        Uint64 took = SDL_GetTicks64() - now;
        if (took < length) SDL_Delay((Uint32)(length - took));
    }
    end_scripts(&self);
    close_window(&self);
    free(self.error);
    free(self.legacy);
    free(self.snap);
    return 0;
}
