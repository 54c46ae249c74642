package io.github.wandacuda.hub;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.net.URLEncoder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a repository of the Hub has in a revision. Nothing that the Hub says is trusted to be a
 * name: all are checked before a path is made of them.
 *
 * @param commit 40 hexadecimal digits
 */
record HubListing(String commit, List<HubFile> files) {
  private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final int LONGEST_NAME = 255;
  private static final int LONGEST_PATH = 1024;

  /** More than any disk has, so that no sum is beyond all numbers. */
  private static final long LARGEST = 1L << 44;

  /**
   * A file.
   *
   * @param path its parts, with a slash between
   * @param hash of a large file's content by SHA-256, of another's as an object of git by SHA-1;
   *     the name that the file has in the cache
   * @param address where the Hub has it, below its endpoint
   */
  record HubFile(String path, long size, String hash, String address) {}

  /** Asks for what a request is about: the files that it asks for. */
  static HubListing of(DownloadRequest request, HubConnection hub) {
    String kind = request.dataset() ? "datasets/" : "models/";
    JsonNode json =
        hub.json(
            "/api/%s%s/revision/%s?blobs=true"
                .formatted(kind, request.name(), encoded(request.revision())));
    String commit = text(json, "sha", SHA1, request);
    if (SHA1.matcher(request.revision()).matches() && !request.revision().equals(commit)) {
      throw wrong(request, "the commit " + request.revision(), commit);
    }
    List<HubFile> files = files(request, commit, json.path("siblings"));
    Optional<String> folder = files.isEmpty() ? request.folder() : Optional.empty();
    if (folder.isPresent()) {
      // The Hub cuts long lists without a word, but has one of each folder.
      String path = "/api/%s%s/tree/%s/".formatted(kind, request.name(), commit);
      files = files(request, commit, hub.json(path + encodedPath(folder.get())));
    }
    return new HubListing(commit, files);
  }

  /** Returns those that are asked for of a list of a repository or a folder. */
  private static List<HubFile> files(DownloadRequest request, String commit, JsonNode list) {
    List<HubFile> files = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (JsonNode entry : list) {
      String path = entry.path("rfilename").asText(entry.path("path").asText());
      if (request.asks(path) && !entry.path("type").asText().equals("directory")) {
        if (!isPath(path) || !seen.add(path)) {
          throw wrong(request, "names of files", Printable.of(path));
        }
        if (DownloadRequest.isWanted(path)) {
          files.add(file(request, commit, path, entry));
        }
      }
    }
    for (String path : seen) {
      for (int end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
        if (seen.contains(path.substring(0, end))) {
          throw wrong(request, "names of files", Printable.of(path) + " below a file");
        }
      }
    }
    return files;
  }

  private static HubFile file(DownloadRequest request, String commit, String path, JsonNode entry) {
    JsonNode large = entry.path("lfs");
    String hash =
        large.isObject()
            ? text(large, large.has("oid") ? "oid" : "sha256", SHA256, request)
            : text(entry, entry.has("oid") ? "oid" : "blobId", SHA1, request);
    JsonNode size = large.isObject() ? large.path("size") : entry.path("size");
    if (!size.canConvertToLong()
        || !size.isIntegralNumber()
        || size.longValue() < 0
        || size.longValue() > LARGEST) {
      throw wrong(request, "the size of " + path, Printable.of(size.toString()));
    }
    String address = "/%s/resolve/%s/".formatted(request.label(), commit) + encodedPath(path);
    return new HubFile(path, size.longValue(), hash, address);
  }

  private static String encodedPath(String path) {
    return Arrays.stream(path.split("/")).map(HubListing::encoded).collect(Collectors.joining("/"));
  }

  private static String encoded(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** Returns whether a name leads to a file below a folder, on any system and on this one. */
  private static boolean isPath(String path) {
    return path.length() <= LONGEST_PATH
        && Charset.forName(System.getProperty("sun.jnu.encoding")).newEncoder().canEncode(path)
        && path.chars().noneMatch(c -> c < ' ' || c == '\\' || c == ':' || c == 0x7f)
        && Arrays.stream(path.split("/", -1))
            .allMatch(
                part ->
                    part.getBytes(StandardCharsets.UTF_8).length <= LONGEST_NAME
                        && !Set.of("", ".", "..", ".git", ".cache")
                            .contains(part.toLowerCase(Locale.ROOT)));
  }

  private static String text(
      JsonNode object, String key, Pattern pattern, DownloadRequest request) {
    String text = object.path(key).asText();
    if (!pattern.matcher(text).matches()) {
      throw wrong(request, key, Printable.of(object.path(key).toString()));
    }
    return text;
  }

  private static InputException wrong(DownloadRequest request, String expected, String found) {
    return ErrorDetails.of(request.label() + ": the Hub's list").wrong(expected, found);
  }
}
