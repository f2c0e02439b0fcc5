/* Attachment: the files of media elements (rule 21). See attachment.h. */
#include "attachment.h"

#include "image.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "path.h"

#define MAX_IMAGE_AND_SOUND (28u << 20)
#define MAX_FILE_AND_VIDEO (100u << 20)

/* A file that an element names. `slot` tells the answers apart: the element's index, doubled, plus 1 for a
 * video's picture. */
typedef struct file {
    const char *path_key, *size_key, *id_key, *url_key;
    uint64_t limit;
} file;

static const file image_file = {kTIMImageElemOrigPath, kTIMImageElemOrigPicSize, kTIMImageElemOrigId,
                                kTIMImageElemOrigUrl, MAX_IMAGE_AND_SOUND};
static const file sound_file = {kTIMSoundElemFilePath, kTIMSoundElemFileSize, kTIMSoundElemFileId,
                                kTIMSoundElemUrl, MAX_IMAGE_AND_SOUND};
static const file plain_file = {kTIMFileElemFilePath, kTIMFileElemFileSize, kTIMFileElemFileId,
                                kTIMFileElemUrl, MAX_FILE_AND_VIDEO};
static const file video_file = {kTIMVideoElemVideoPath, kTIMVideoElemVideoSize, kTIMVideoElemVideoId,
                                kTIMVideoElemVideoUrl, MAX_FILE_AND_VIDEO};
static const file video_picture = {kTIMVideoElemImagePath, kTIMVideoElemImageSize, kTIMVideoElemImageId,
                                   kTIMVideoElemImageUrl, MAX_IMAGE_AND_SOUND};

/* The files of an element: up to two. */
static int files_of(const cJSON *elem, const file *files[2])
{
    switch (tm_json_get_int(elem, kTIMElemType, -1)) {
    case kTIMElem_Image: files[0] = &image_file; return 1;
    case kTIMElem_Sound: files[0] = &sound_file; return 1;
    case kTIMElem_File: files[0] = &plain_file; return 1;
    case kTIMElem_Video:
        files[0] = &video_file;
        files[1] = &video_picture;
        return 2;
    default: return 0;
    }
}

bool tm_attachment_any(const cJSON *elems)
{
    const cJSON *elem;
    const file *files[2];
    cJSON_ArrayForEach(elem, elems)
    {
        if (files_of(elem, files)) return true;
    }
    return false;
}

bool tm_attachment_any_relative(const cJSON *elems)
{
    const cJSON *elem;
    const file *files[2];
    cJSON_ArrayForEach(elem, elems)
    {
        int count = files_of(elem, files);
        for (int i = 0; i < count; i++)
            if (*tm_json_get_string(elem, files[i]->path_key, "/") != '/') return true;
    }
    return false;
}

/* Where a file is: the element may say that from the working directory of the call. Owned by the caller; NULL: memory. */
static char *path_of(const tm_request *request, const cJSON *elem, const file *of)
{
    const char *path = tm_json_get_string(elem, of->path_key, ""), *here = request->args.here;
    return here && *path && *path != '/' ? tm_path_join(here, path) : tm_strdup(path);
}

static bool describe_image(cJSON *elem, const char *path, uint64_t size)
{
    static const struct {
        const char *width, *height, *size;
    } keys[] = {{kTIMImageElemOrigPicWidth, kTIMImageElemOrigPicHeight, kTIMImageElemOrigPicSize},
                {kTIMImageElemThumbPicWidth, kTIMImageElemThumbPicHeight, kTIMImageElemThumbPicSize},
                {kTIMImageElemLargePicWidth, kTIMImageElemLargePicHeight, kTIMImageElemLargePicSize}};
    tm_image image = {.format = TM_IMAGE_OTHER};
    tm_image_read(path, &image);
    bool ok = tm_json_set_uint(elem, kTIMImageElemFormat, (uint64_t)image.format);
    for (int i = 0; i < 3; i++)
        ok = ok && tm_json_set_uint(elem, keys[i].width, image.width) &&
             tm_json_set_uint(elem, keys[i].height, image.height) &&
             tm_json_set_uint(elem, keys[i].size, size);
    return ok;
}

static bool describe_video(cJSON *elem, const char *picture)
{
    tm_image image = {.format = TM_IMAGE_OTHER};
    if (!tm_image_read(picture, &image) || image.width == 0) return true;
    return tm_json_set_uint(elem, kTIMVideoElemImageWidth, image.width) &&
           tm_json_set_uint(elem, kTIMVideoElemImageHeight, image.height);
}

/* Checks one file and writes its size and kind into the element. */
static int32_t inspect(cJSON *elem, const file *of, const char *path, tm_error *err)
{
    uint64_t size;
    int32_t code = tm_path_file_size(path, &size, err);
    if (code) return code;
    if (size == 0) return tm_fail(err, ERR_SDK_COMM_FILE_SIZE_EMPTY, "%s: %s is empty", of->path_key, path);
    if (size > of->limit)
        return tm_fail(err, ERR_SDK_COMM_FILE_TOO_LARGE, "%s: %s has more than %llu bytes", of->path_key,
                       path, (unsigned long long)of->limit);
    bool ok = tm_json_set_uint(elem, of->size_key, size);
    if (of == &image_file) ok = ok && describe_image(elem, path, size);
    if (of == &video_picture) ok = ok && describe_video(elem, path);
    if (of == &plain_file && !*tm_json_get_string(elem, kTIMFileElemFileName, ""))
        ok = ok && tm_json_set_string(elem, kTIMFileElemFileName, tm_path_base(path));
    return ok ? 0 : tm_fail_memory(err);
}

/* Looks at every file of the elements: all must be there before anything is uploaded. */
int32_t tm_attachment_inspect(const tm_request *request, tm_error *err)
{
    cJSON *elem;
    cJSON_ArrayForEach(elem, request->elems)
    {
        const file *files[2];
        int count = files_of(elem, files);
        for (int i = 0; i < count; i++) {
            char *path = path_of(request, elem, files[i]);
            int32_t code = path ? inspect(elem, files[i], path, err) : tm_fail_memory(err);
            tm_free(path);
            if (code) return code;
        }
    }
    return 0;
}

int32_t tm_attachment_ask(tm_worker *worker, tm_request *request, tm_error *err)
{
    int32_t index = 0;
    cJSON *elem;
    cJSON_ArrayForEach(elem, request->elems)
    {
        const file *files[2];
        int count = files_of(elem, files);
        for (int i = 0; i < count; i++) {
            tm_op *op = tm_worker_ask(worker, request, TM_OP_UPLOAD, err);
            if (!op) return err->code;
            op->slot = index * 2 + i;
            op->path = path_of(request, elem, files[i]);
            if (!op->path) return tm_fail_memory(err);
            op->text = op->path;
            op->size = tm_json_get_uint(elem, files[i]->size_key, 0);
        }
        index++;
    }
    return 0;
}

/* Numbers that the vendor's elements carry and programs copy into download parameters. */
static bool add_download_keys(cJSON *elem)
{
    switch (tm_json_get_int(elem, kTIMElemType, -1)) {
    case kTIMElem_Sound:
        return tm_json_set_uint(elem, kTIMSoundElemBusinessId, 0) &&
               tm_json_set_uint(elem, kTIMSoundElemDownloadFlag, 0);
    case kTIMElem_File:
        return tm_json_set_uint(elem, kTIMFileElemBusinessId, 0) &&
               tm_json_set_uint(elem, kTIMFileElemDownloadFlag, 0);
    case kTIMElem_Video:
        return tm_json_set_uint(elem, kTIMVideoElemBusinessId, 0) &&
               tm_json_set_uint(elem, kTIMVideoElemVideoDownloadFlag, 0) &&
               tm_json_set_uint(elem, kTIMVideoElemImageDownloadFlag, 0);
    default: return true;
    }
}

/* An upload is through: its id and url go into the element. Large and thumb repeat the original. */
int32_t tm_attachment_note(tm_request *request, const tm_op *op, tm_error *err)
{
    const file *files[2];
    cJSON *elem = cJSON_GetArrayItem(request->elems, op->slot / 2);
    files_of(elem, files);
    const file *of = files[op->slot % 2];
    bool ok = tm_json_set_string(elem, of->id_key, op->id) &&
              tm_json_set_string(elem, of->url_key, op->url) && add_download_keys(elem);
    if (of == &image_file)
        ok = ok && tm_json_set_string(elem, kTIMImageElemThumbId, op->id) &&
             tm_json_set_string(elem, kTIMImageElemThumbUrl, op->url) &&
             tm_json_set_string(elem, kTIMImageElemLargeId, op->id) &&
             tm_json_set_string(elem, kTIMImageElemLargeUrl, op->url);
    return ok ? 0 : tm_fail_memory(err);
}

uint32_t tm_attachment_index(const tm_op *op)
{
    return (uint32_t)(op->slot / 2);
}
