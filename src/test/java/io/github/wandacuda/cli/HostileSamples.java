package io.github.wandacuda.cli;

import static io.github.wandacuda.cli.HostileFile.calibration;
import static io.github.wandacuda.cli.HostileFile.statistics;

import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/** Statistics and calibration texts that nobody should be able to do harm with. */
final class HostileSamples {
  private static final String MODULE = "model.layers.0.self_attn.q_proj";

  private HostileSamples() {}

  static List<HostileFile> all() {
    List<HostileFile> all = new ArrayList<>();
    all.addAll(statisticsFiles());
    all.addAll(texts());
    all.addAll(tokenLists());
    all.addAll(documents());
    return all;
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
        norms("most norms missing", "found no such tensor", 1),
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
                  HostileCheckpoints.safetensors(
                      "{\"__metadata__\":{\"format\":\"wanda-cuda.statistics.v1\"},\"a.input_norm\":"
                          + "{\"dtype\":\"F32\",\"shape\":[475000000],\"data_offsets\":[0,1900000000]}}",
                      0));
              HostileFile.extend(file, Files.size(file) + 1_900_000_000L);
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
        text("900 MB", "for a Java heap of", file -> HostileFile.extend(file, 900_000_000)),
        text("a terabyte", "at most 1000000000 bytes", file -> HostileFile.extend(file, 1L << 40)),
        text("a folder", "expected a regular file", Files::createDirectory));
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
            "ids: a gigabyte",
            "for a Java heap of",
            "ids.json",
            file -> HostileFile.extend(file, 1L << 30)));
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
        lines("no text", "found the keys url", "{\"url\":\"x\"}"),
        lines("a number as text", "expected a string as \"text\"", "{\"text\":5}"),
        lines("half a surrogate pair", "surrogate", "{\"text\":\"\\ud83d\"}"),
        lines("two objects on a line", "more after it", "{\"text\":\"a\"}{\"text\":\"b\"}"),
        lines("deep JSON", "not JSON", "{\"x\":" + "[".repeat(100_000)),
        lines("no document long enough", "64 tokens", "{\"text\":\"short\"}\n".repeat(20)),
        calibration(
            "documents: a line of 900 MB",
            "for a Java heap of",
            "documents.jsonl",
            file -> HostileFile.extend(file, 900_000_000)),
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
              HostileFile.extend(file, Files.size(file) - 9);
            }),
        zipped("a bomb", "at most 100 times", file -> zip(file, new byte[1 << 20], 400)));
  }
}
