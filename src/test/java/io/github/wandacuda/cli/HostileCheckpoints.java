package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.inspected;
import static io.github.wandacuda.cli.HostileFile.pruned;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Shards, indexes and links that nobody should be able to do harm with. */
final class HostileCheckpoints {
  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String TENSOR = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";
  private static final String EMPTY = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";

  private HostileCheckpoints() {}

  static List<HostileFile> all() {
    List<HostileFile> all = new ArrayList<>();
    all.addAll(headerLengths());
    all.addAll(headers());
    all.addAll(indexes());
    all.addAll(links());
    return all;
  }

  private static List<HostileFile> headerLengths() {
    List<HostileFile> files = new ArrayList<>();
    long[] lengths = {
      0,
      1,
      7,
      1_000,
      100_000_000,
      100_000_001,
      Integer.MAX_VALUE,
      1L << 31,
      1L << 32,
      Long.MAX_VALUE - 7,
      Long.MAX_VALUE,
      Long.MIN_VALUE,
      -2,
      -1
    };
    for (long length : lengths) {
      files.add(
          inspected(
              "header length " + Long.toUnsignedString(length),
              SHARD + ": header: ",
              model -> {
                ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
                Files.write(model.resolve(SHARD), bytes.putLong(length).array());
              }));
    }
    files.add(
        inspected(
            "empty shard",
            "found 0 bytes",
            model -> Files.write(model.resolve(SHARD), new byte[0])));
    return files;
  }

  private static HostileFile header(String name, String said, String header, int dataBytes) {
    return inspected(
        name, said, model -> Files.write(model.resolve(SHARD), safetensors(header, dataBytes)));
  }

  static byte[] safetensors(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }

  private static HostileFile shape(String name, String said, String shape) {
    return header(name, said, "{\"a\":" + TENSOR.replace("[4]", shape) + "}", 4);
  }

  private static HostileFile offsets(String name, String said, String offsets) {
    return header(name, said, "{\"a\":" + TENSOR.replace("[0,4]", offsets) + "}", 4);
  }

  private static List<HostileFile> headers() {
    String second = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[%d,%d]}";
    return List.of(
        header("deep JSON", "expected an object", "{\"a\":" + "[".repeat(1_000_000) + "}", 0),
        header("deep objects", "expected JSON", "{\"a\":".repeat(200_000), 0),
        header("huge name", "expected JSON", "{\"" + "a".repeat(30_000_000) + "\":1}", 0),
        header("a name of 5000 characters", "at most 4096", named("a".repeat(5000)), 4),
        header("a name of a megabyte", "JSON within bounds", named("a".repeat(1 << 19)), 4),
        large(
            "60 names of a megabyte",
            "JSON within bounds",
            () -> numbered(",\"" + "a.".repeat(1 << 18) + "%d\":" + EMPTY, 60)),
        large(
            "a name of a megabyte beside 3000 modules",
            "JSON within bounds",
            () ->
                numbered(",\"layers.%d.q.weight\":" + EMPTY.replace("[0]", "[0,0]"), 3000)
                    + ",\"layers.0."
                    + "a".repeat(1 << 19)
                    + ".weight\":"
                    + EMPTY),
        large(
            "50 MB of metadata",
            "at most 16777216 characters",
            () ->
                ",\"__metadata__\":{\"a\":\"\""
                    + numbered(",\"k%d\":\"0123456789\"", 2_200_000)
                    + "}"),
        large(
            "a value of 50 MB in the metadata",
            "JSON within bounds",
            () -> ",\"__metadata__\":{\"a\":\"" + "v".repeat(50_000_000) + "\"}"),
        large(
            "more than a million tensors",
            "at most 1000000 tensors",
            () -> numbered(",\"t%d\":" + EMPTY, 1_100_000)),
        large(
            "a million keys of a tensor",
            "at most 64 keys",
            () -> ",\"b\":{\"dtype\":\"U8\"" + numbered(",\"k%d\":0", 1_000_000) + "}"),
        large(
            "shapes that take all memory",
            "for a Java heap of",
            () ->
                numbered(
                    ",\"t%d\":{\"dtype\":\"U8\",\"shape\":[0,%d"
                        + ",999".repeat(62)
                        + "],\"data_offsets\":[0,0]}",
                    250_000)),
        header("huge number", "expected JSON", "{\"a\":" + "1".repeat(1_000_000) + "}", 0),
        header("tensor twice", "one entry", "{\"a\":" + TENSOR + ",\"a\":" + TENSOR + "}", 4),
        header(
            "overlap",
            "offset 4",
            "{\"a\":" + TENSOR + ",\"b\":" + second.formatted(2, 6) + "}",
            6),
        header(
            "hole", "offset 4", "{\"a\":" + TENSOR + ",\"b\":" + second.formatted(6, 10) + "}", 10),
        header(
            "past the end",
            "to end at",
            "{\"b\":" + second.formatted(4, 8) + ",\"a\":" + TENSOR + "}",
            6),
        header("bytes left over", "all of them in tensors", "{\"a\":" + TENSOR + "}", 5),
        shape("product overflows", "2^63 bits", "[4294967296,4294967296]"),
        shape("product overflows to 4", "2^63 bits", "[4611686018427387905,4]"),
        shape("negative size", "found -4", "[-4]"),
        shape("fractional size", "found 4.0", "[4.0]"),
        shape("size as text", "found string", "[\"4\"]"),
        shape("size beyond 64 bits", "found 99999999999999999999", "[99999999999999999999]"),
        offsets("negative offset", "found -4", "[-4,0]"),
        offsets("descending offsets", "ascending", "[4,0]"),
        offsets("offset beyond 64 bits", "found 18446744073709551616", "[0,18446744073709551616]"),
        header("NUL in a name", "a\\u0000b", "{\"a\\u0000b\":1}", 0),
        header("lone surrogate", "expected JSON", "{\"\\ud800\":1}", 0));
  }

  private static String named(String name) {
    return "{\"" + name + "\":" + TENSOR + "}";
  }

  /** A header that is made when it is needed: together they would fill the memory. */
  private static HostileFile large(String name, String said, Supplier<String> entries) {
    return inspected(
        name,
        said,
        model ->
            Files.write(
                model.resolve(SHARD), safetensors("{\"a\":" + TENSOR + entries.get() + "}", 4)));
  }

  private static String numbered(String text, int count) {
    StringBuilder all = new StringBuilder();
    for (int number = 0; number < count; number++) {
      all.append(text.replace("%d", Integer.toString(number)));
    }
    return all.toString();
  }

  private static HostileFile index(String name, String said, String json) {
    return inspected(name, said, model -> Files.writeString(model.resolve(INDEX), json));
  }

  private static HostileFile largeIndex(String name, String said, Supplier<String> json) {
    return inspected(name, said, model -> Files.writeString(model.resolve(INDEX), json.get()));
  }

  private static HostileFile shardName(String name, String shard) {
    return index(
        name, "the name of a file beside the index", "{\"weight_map\":{\"a\":\"" + shard + "\"}}");
  }

  private static List<HostileFile> indexes() {
    return List.of(
        shardName("..", ".."),
        shardName("../ in a name", "../model/" + SHARD),
        shardName("../ inside a name", "x/../" + SHARD),
        shardName("absolute path", "/etc/passwd"),
        shardName("backslashes", "..\\\\x.safetensors"),
        shardName("NUL in a shard's name", SHARD + "\\u0000.txt"),
        shardName("no name", ""),
        index("not an object", "expected an object", "[]"),
        index("no weight_map", "weight_map", "{\"metadata\":{}}"),
        index(
            "two weight_maps",
            "one weight_map",
            "{\"weight_map\":{\"a\":\"b\"},\"weight_map\":{}}"),
        index("a tensor in two shards", "one shard", "{\"weight_map\":{\"a\":\"b\",\"a\":\"c\"}}"),
        index(
            "a name of 5000 characters in the index",
            "at most 4096",
            "{\"weight_map\":{\"" + "a".repeat(5000) + "\":\"b\"}}"),
        index(
            "a name of a megabyte in the index",
            "JSON within bounds",
            "{\"weight_map\":{\"" + "a".repeat(1 << 19) + "\":\"b\"}}"),
        largeIndex(
            "an index of a million tensors",
            "it in no shard",
            () ->
                "{\"weight_map\":{\"t\":\""
                    + SHARD
                    + "\""
                    + numbered(",\"model.layers.%d.mlp.q_proj\":\"" + SHARD + "\"", 999_999)
                    + "}}"),
        largeIndex(
            "an index of more than a million tensors",
            "at most 1000000 tensors",
            () ->
                "{\"weight_map\":{\"t\":\""
                    + SHARD
                    + "\""
                    + numbered(",\"%d\":\"" + SHARD + "\"", 1_000_001)
                    + "}}"),
        largeIndex(
            "50 MB of metadata in an index, and nothing else",
            "weight_map",
            () -> "{\"metadata\":{\"x\":[0" + numbered(",%d", 7_000_000) + "]}}"),
        index("a number as shard", "a file name", "{\"weight_map\":{\"a\":1}}"),
        index("deep index", "expected JSON", "{\"x\":" + "[".repeat(1_000_000)),
        index(
            "a shard that isn't there",
            "gone.safetensors",
            "{\"weight_map\":{\"a\":\"gone.safetensors\"}}"),
        inspected(
            "an index that is not UTF-8",
            "UTF-8",
            model -> Files.write(model.resolve(INDEX), new byte[] {'{', '"', (byte) 0xff, '"'})),
        inspected(
            "an index of 200 MB",
            "at most 100000000 bytes",
            model -> HostileFile.extend(model.resolve(INDEX), 200_000_000)));
  }

  private static void link(Path link, String target) throws IOException {
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, Path.of(target));
  }

  private static List<HostileFile> links() {
    return List.of(
        inspected(
            "a shard that links outside",
            "found a link to ",
            model -> {
              Path outside = model.resolveSibling("outside.safetensors");
              Files.move(model.resolve(SHARD), outside);
              link(model.resolve(SHARD), outside.toAbsolutePath().toString());
            }),
        inspected(
            "an index that links outside",
            "found a link to ",
            model -> {
              Files.move(model.resolve(INDEX), model.resolveSibling("index"));
              link(model.resolve(INDEX), "../index");
            }),
        inspected(
            "a shard that links to a device",
            "found a link to /dev/zero",
            model -> link(model.resolve(SHARD), "/dev/zero")),
        inspected(
            "a shard that links to itself", SHARD, model -> link(model.resolve(SHARD), SHARD)),
        pruned(
            "a side file that links outside",
            "found a link to /etc/passwd",
            model -> link(model.resolve("README.md"), "/etc/passwd")),
        pruned(
            "a folder that links outside",
            "found a link to /etc",
            model -> link(model.resolve("more"), "/etc")));
  }
}
