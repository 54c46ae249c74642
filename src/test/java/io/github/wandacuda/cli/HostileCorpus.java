package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.calibration;
import static io.github.wandacuda.cli.HostileFile.inspected;
import static io.github.wandacuda.cli.HostileFile.pruned;
import static io.github.wandacuda.cli.HostileFile.statistics;
import static io.github.wandacuda.cli.HostileFile.tokenized;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/** Files that nobody should be able to do harm with, each with what is to be said about it. */
final class HostileCorpus {
  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String TENSOR = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";
  private static final String MODULE = "model.layers.0.self_attn.q_proj";

  private HostileCorpus() {}

  static List<HostileFile> all() {
    List<HostileFile> all = new ArrayList<>();
    all.addAll(headerLengths());
    all.addAll(headers());
    all.addAll(indexes());
    all.addAll(links());
    all.addAll(configs());
    all.addAll(statisticsFiles());
    all.addAll(texts());
    all.addAll(tokenLists());
    all.addAll(documents());
    all.addAll(tokenizers());
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

  private static byte[] safetensors(String header, int dataBytes) {
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

  private static HostileFile index(String name, String said, String json) {
    return inspected(name, said, model -> Files.writeString(model.resolve(INDEX), json));
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
            model -> extend(model.resolve(INDEX), 200_000_000)));
  }

  private static void extend(Path file, long length) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(length);
    }
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

  private static HostileFile config(String name, String said, String from, String to) {
    return tokenized(
        name,
        said,
        model -> {
          Path file = model.resolve("config.json");
          String text = Files.readString(file);
          if (!text.contains(from)) {
            throw new IllegalArgumentException(from);
          }
          Files.writeString(file, text.replace(from, to));
        });
  }

  private static HostileFile configOf(String name, String said, String content) {
    return inspected(name, said, model -> Files.writeString(model.resolve("config.json"), content));
  }

  private static List<HostileFile> configs() {
    String hidden = "\"hidden_size\": 128";
    return List.of(
        configOf("no config", "config.json", ""),
        configOf("a list as config", "expected a JSON object", "[]"),
        configOf("a config that is cut", "not JSON", "{\"a\": "),
        configOf("a deep config", "not JSON", "{\"a\":" + "[".repeat(1_000_000)),
        configOf(
            "a config of 20 million numbers",
            "not JSON",
            "{\"a\":[" + "0,".repeat(20_000_000) + "0]}"),
        inspected(
            "a config of 3 GB",
            "not JSON",
            model -> {
              Files.delete(model.resolve("config.json"));
              extend(model.resolve("config.json"), 3L << 30);
            }),
        config("a negative size", "hidden_size", hidden, "\"hidden_size\": -128"),
        config("a fraction as size", "hidden_size", hidden, "\"hidden_size\": 128.5"),
        config("a text as size", "hidden_size", hidden, "\"hidden_size\": \"128\""),
        config("a huge size", "hidden_size", hidden, "\"hidden_size\": 99999999999"),
        config("another size", "expected shape", hidden, "\"hidden_size\": 256"),
        config(
            "no layers",
            "num_hidden_layers",
            "\"num_hidden_layers\": 6",
            "\"num_hidden_layers\": 0"),
        config(
            "a billion layers",
            "is missing",
            "\"num_hidden_layers\": 6",
            "\"num_hidden_layers\": 1000000000"),
        config(
            "an infinite base", "rope_theta", "\"rope_theta\": 10000.0", "\"rope_theta\": 1e999"),
        config(
            "a negative epsilon",
            "rms_norm_eps",
            "\"rms_norm_eps\": 1e-05",
            "\"rms_norm_eps\": -1"));
  }

  private static HostileFile norms(String name, String said, float value) {
    return statistics(
        name,
        said,
        file -> {
          float[] norms = new float[128];
          norms[17] = value;
          new SafetensorsBytes()
              .metadata("format", "wanda-cuda.statistics.v1")
              .f32(MODULE + ".input_norm", norms, 128)
              .write(file);
        });
  }

  private static List<HostileFile> statisticsFiles() {
    return List.of(
        norms("a norm that is NaN", "at column 17, found NaN", Float.NaN),
        norms("an infinite norm", "at column 17, found Infinity", Float.POSITIVE_INFINITY),
        norms("a negative norm", "at column 17, found -1.0", -1),
        norms("most norms missing", "is missing", 1),
        statistics(
            "norms of another format",
            "expected format",
            file -> new SafetensorsBytes().f32(MODULE + ".input_norm", 128).write(file)),
        statistics(
            "norms in a matrix",
            "expected an F32 vector",
            file ->
                new SafetensorsBytes()
                    .metadata("format", "wanda-cuda.statistics.v1")
                    .f32(MODULE + ".input_norm", 8, 16)
                    .write(file)),
        statistics(
            "a count that is none",
            "metadata samples",
            file ->
                new SafetensorsBytes()
                    .metadata("format", "wanda-cuda.statistics.v1", "samples", "-3")
                    .f32(MODULE + ".input_norm", 128)
                    .write(file)),
        statistics(
            "norms of 1.9 GB",
            "half of the Java heap",
            file -> {
              Files.write(
                  file,
                  safetensors(
                      "{\"__metadata__\":{\"format\":\"wanda-cuda.statistics.v1\"},\"a.input_norm\":"
                          + "{\"dtype\":\"F32\",\"shape\":[475000000],\"data_offsets\":[0,1900000000]}}",
                      0));
              extend(file, Files.size(file) + 1_900_000_000L);
            }),
        statistics(
            "statistics that are text",
            "header",
            file -> Files.writeString(file, "norms ".repeat(99))));
  }

  private static HostileFile text(String name, String said, HostileFile.Change change) {
    return calibration("text: " + name, said, "text.txt", change);
  }

  private static List<HostileFile> texts() {
    return List.of(
        text(
            "not UTF-8",
            "found byte 0xff at byte 3",
            file -> Files.write(file, new byte[] {97, 98, 99, -1})),
        text(
            "overlong",
            "found byte 0xc0",
            file -> Files.write(file, new byte[] {(byte) 0xc0, (byte) 0x80})),
        text(
            "cut in a character",
            "found byte 0xe2",
            file -> Files.write(file, new byte[] {97, (byte) 0xe2, (byte) 0x82})),
        text("empty", "more than 64 tokens", file -> Files.write(file, new byte[0])),
        text("900 MB", "for a Java heap of", file -> extend(file, 900_000_000)),
        text("a terabyte", "at most 1000000000 bytes", file -> extend(file, 1L << 40)),
        text("a folder", "cannot be read", Files::createDirectory));
  }

  private static HostileFile lists(String name, String said, String json) {
    return calibration("ids: " + name, said, "ids.json", file -> Files.writeString(file, json));
  }

  private static List<HostileFile> tokenLists() {
    String ids = "[" + "1,".repeat(63) + "1]";
    return List.of(
        lists("nothing", "expected a list of lists", ""),
        lists("an object", "expected a list of lists", "{}"),
        lists("no lists", "found 0", "[]"),
        lists("a number for a list", "as element 2", "[" + ids + ",7]"),
        lists("a negative id", "found -1", "[[-1]]"),
        lists("a fraction", "found 1.5", "[[1.5]]"),
        lists("an id beyond 32 bits", "found 4294967296", "[[4294967296]]"),
        lists(
            "an id that the model hasn't",
            "2048",
            "[" + ids.replace("[1,", "[2048,") + "," + ids + "]"),
        lists("deep lists", "found a list", "[".repeat(1_000_000)),
        lists("a list of lists of lists", "found a list", "[[[1]]]"),
        lists("more after the end", "not JSON", "[" + ids + "," + ids + "]]"),
        calibration(
            "ids: a gigabyte", "for a Java heap of", "ids.json", file -> extend(file, 1L << 30)));
  }

  private static HostileFile lines(String name, String said, String line) {
    return calibration(
        "documents: " + name, said, "documents.jsonl", file -> Files.writeString(file, line));
  }

  private static HostileFile zipped(String name, String said, HostileFile.Change change) {
    return calibration("gzip: " + name, said, "documents.jsonl.gz", change);
  }

  private static void zip(Path file, byte[] piece, int times) throws IOException {
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16)) {
      for (int time = 0; time < times; time++) {
        out.write(piece);
      }
    }
  }

  private static List<HostileFile> documents() {
    return List.of(
        lines("nothing", "expected documents, found none", "\n \n"),
        lines("no JSON", "line 1: not JSON", "once upon a time"),
        lines("a list", "expected a JSON object", "[1]"),
        lines("no text", "string text", "{\"url\":\"x\"}"),
        lines("a number as text", "expected a string as text", "{\"text\":5}"),
        lines("half a surrogate pair", "surrogate", "{\"text\":\"\\ud83d\"}"),
        lines("two objects on a line", "more after it", "{\"text\":\"a\"}{\"text\":\"b\"}"),
        lines("deep JSON", "not JSON", "{\"x\":" + "[".repeat(100_000)),
        lines("no document long enough", "64 tokens", "{\"text\":\"short\"}\n".repeat(20)),
        calibration(
            "documents: a line of 900 MB",
            "for a Java heap of",
            "documents.jsonl",
            file -> extend(file, 900_000_000)),
        zipped(
            "not gzip",
            "not a whole gzip file",
            file -> Files.writeString(file, "{\"text\":\"a\"}")),
        zipped("nothing", "not a whole gzip file", file -> Files.write(file, new byte[0])),
        zipped(
            "cut short",
            "not a whole gzip file",
            file -> {
              zip(
                  file,
                  "{\"text\":\"some words and more\"}\n".getBytes(StandardCharsets.UTF_8),
                  99);
              extend(file, Files.size(file) - 9);
            }),
        zipped("a bomb", "at most 100 times", file -> zip(file, new byte[1 << 20], 400)));
  }

  private static HostileFile tokenizer(String name, String said, String from, String to) {
    return tokenized(
        "tokenizer: " + name,
        said,
        model -> {
          Path file = model.resolve("tokenizer.json");
          String text = Files.readString(file);
          if (!text.contains(from)) {
            throw new IllegalArgumentException(from);
          }
          Files.writeString(file, text.replace(from, to));
        });
  }

  private static HostileFile charsmap(String name, String said, byte[] table) {
    return tokenized(
        "tokenizer: " + name,
        said,
        model -> {
          Path file = model.resolve("tokenizer.json");
          JsonMapper mapper = JsonMapper.builder().build();
          ObjectNode json = (ObjectNode) mapper.readTree(file.toFile());
          json.putObject("normalizer")
              .put("type", "Precompiled")
              .put("precompiled_charsmap", Base64.getEncoder().encodeToString(table));
          mapper.writeValue(file.toFile(), json);
        });
  }

  private static List<HostileFile> tokenizers() {
    byte[] wild =
        ByteBuffer.allocate(16)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(8)
            .putInt(0x7fff_feff)
            .putInt(0x7fff_fc00)
            .array();
    return List.of(
        charsmap("a charsmap that points beyond its end", "broke down on it", wild),
        charsmap("a charsmap without a table", "tokenizer.json", new byte[] {0, 0, 0, 0, 0}),
        tokenizer(
            "BPE without a vocabulary", "tokenizer.json", "\"vocab\":", "\"vocab\": {}, \"x\":"),
        tokenizer("an unknown model", "not a tokenizer", "\"BPE\"", "\"ABC\""),
        tokenized(
            "tokenizer: deep JSON",
            "tokenizer.json",
            model ->
                Files.writeString(
                    model.resolve("tokenizer.json"), "{\"model\":" + "[".repeat(1_000_000))),
        tokenized(
            "tokenizer: 200 MB",
            "at most 100000000 bytes",
            model -> extend(model.resolve("tokenizer.json"), 200_000_000)),
        tokenized(
            "tokenizer: not UTF-8",
            "tokenizer.json",
            model ->
                Files.write(
                    model.resolve("tokenizer.json"),
                    new byte[] {'{', '"', (byte) 0xff, '"', ':'})));
  }
}
