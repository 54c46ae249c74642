package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * Files that ask for more memory or time than there is end in one line and exit code 3, in little
 * memory and soon. Small files that are wrong are the business of their readers' own tests.
 */
@Isolated
class HostileFilesFaults {
  private static final int BAD_INPUT = 3;
  private static final String HEAP = "-Xmx256m";
  private static final long LONGEST_MILLIS = 60_000;
  private static final long SECONDS = 500;

  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String TENSOR = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";
  private static final String EMPTY = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";

  /**
   * Family or the bundled model, name, what has to be said, and what is changed to what in the
   * config or the tokenizer.
   */
  private static final String CHANGES =
      """
      tiny | a negative size | hidden_size | "hidden_size": 128 | "hidden_size": -128
      tiny | a fraction as size | hidden_size | "hidden_size": 128 | "hidden_size": 128.5
      tiny | a text as size | hidden_size | "hidden_size": 128 | "hidden_size": "128"
      tiny | a huge size | hidden_size | "hidden_size": 128 | "hidden_size": 99999999999
      tiny | another size | expected shape | "hidden_size": 128 | "hidden_size": 256
      tiny | no layers | num_hidden_layers | "num_hidden_layers": 6 | "num_hidden_layers": 0
      tiny | a billion layers | MOST | "num_hidden_layers": 6 | "num_hidden_layers": 1000000000
      tiny | an infinite base | rope_theta | "rope_theta": 10000.0 | "rope_theta": 1e999
      tiny | a negative epsilon | rms_norm_eps | "rms_norm_eps": 1e-05 | "rms_norm_eps": -1
      tiny | a billion heads | MOST | "num_attention_heads": 4 | "num_attention_heads": 1000000000
      tiny | heads of a billion | MOST | "hidden_size": 128 | "head_dim": 1000000000, "hidden_size": 128
      llama-mha | wide | MOST | "hidden_size": 32 | "hidden_size": 2000000000
      mixtral | a billion experts | MOST | "num_local_experts": 4 | "num_local_experts": 1000000000
      bloom | a billion heads | MOST | "n_head": 4 | "n_head": 1000000000
      bloom | a billion features | MOST | "hidden_size": 32 | "hidden_size": 1000000000
      opt | a billion positions | MOST | "max_position_embeddings": 96 | "max_position_embeddings": 1000000000
      gpt2 | a billion layers | MOST | "n_layer": 3 | "n_layer": 1000000000
      gpt2 | a large vocabulary | MOST | "vocab_size": 128 | "vocab_size": 2000000000
      tokenizer | BPE without a vocabulary | tokenizer.json | "vocab": | "vocab": {}, "x":
      tokenizer | an unknown model | not a tokenizer | "BPE" | "ABC"
      """;

  private static int refused;

  @TempDir Path directory;

  @AfterAll
  static void count() {
    FaultCounts.add(refused, "malformed files refused");
  }

  /**
   * A command on a file that is broken.
   *
   * @param name what is wrong with it
   * @param said what the error has to say
   * @param command makes the file in a folder of its own and returns the command's words
   */
  private record Hostile(String name, String said, Command command) {
    /** Makes files and says how they are used. */
    @FunctionalInterface
    interface Command {
      List<Object> in(Path folder) throws IOException;
    }
  }

  /** What is done to a file or a directory. */
  @FunctionalInterface
  private interface Damage {
    void to(Path path) throws IOException;
  }

  /** A command on a copy of a model that is damaged. */
  private static Hostile on(Path whole, String name, String said, Damage damage, String line) {
    return new Hostile(
        name,
        said,
        folder -> {
          Path model = TestData.copy(whole, folder.resolve("model"));
          damage.to(model);
          return Words.of(line + " --quiet --model %s", model);
        });
  }

  private static Hostile inspected(String name, String said, Damage damage) {
    return on(TestData.TINY_LLAMA, name, said, damage, "inspect");
  }

  private static Hostile tokenized(String name, String said, Damage damage) {
    String line = "perplexity --text testdata/text/heldout.txt --backend cpu";
    return on(TestData.TINY_LLAMA, name, said, damage, line);
  }

  /** The bundled model, pruned with a file of this name. */
  private static Hostile pruned(String option, String file, String said, Damage damage) {
    return new Hostile(
        file,
        said,
        folder -> {
          damage.to(folder.resolve(file));
          return Words.of(
              "prune --model %s --output %s %s %s --backend cpu --samples 2 --sequence-length 64 "
                  + "--quiet",
              TestData.TINY_LLAMA, folder.resolve("out"), "--" + option, folder.resolve(file));
        });
  }

  /** The same with a file of zeros. */
  private static Hostile zeros(String file, String said, long bytes) {
    return pruned("calibration", file, said, path -> extend(path, bytes));
  }

  private static Hostile shard(String name, String said, Supplier<String> header) {
    return inspected(
        name, said, model -> Files.write(model.resolve(SHARD), safetensors(header.get())));
  }

  /** A header with a tensor and more. */
  private static Hostile entries(String name, String said, Supplier<String> more) {
    return shard(name, said, () -> "{\"a\":" + TENSOR + more.get() + "}");
  }

  private static byte[] safetensors(String header) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + 4)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }

  private static Hostile index(String name, String said, Supplier<String> json) {
    return inspected(name, said, model -> Files.writeString(model.resolve(INDEX), json.get()));
  }

  /** An index of one tensor and more. */
  private static Hostile weightMap(String name, String said, String tensor, int count) {
    return index(
        name,
        said,
        () ->
            "{\"weight_map\":{\"t\":\"%1$s\"".formatted(SHARD)
                + numbered(",\"" + tensor + "\":\"" + SHARD + "\"", count)
                + "}}");
  }

  private static Hostile config(String name, Damage damage) {
    return inspected(name, "not JSON", model -> damage.to(model.resolve("config.json")));
  }

  private static Hostile tokenizer(String name, String said, Damage damage) {
    return tokenized(name, said, model -> damage.to(model.resolve("tokenizer.json")));
  }

  private static String numbered(String text, int count) {
    StringBuilder all = new StringBuilder();
    for (int number = 0; number < count; number++) {
      all.append(text.replace("%d", Integer.toString(number)));
    }
    return all.toString();
  }

  private static String named(int length) {
    return "{\"" + "a".repeat(length) + "\":" + TENSOR + "}";
  }

  private static String mapped(int length) {
    return "{\"weight_map\":{\"" + "a".repeat(length) + "\":\"b\"}}";
  }

  /** Sets a file's length; what is new reads as zeros and takes no room. */
  private static void extend(Path file, long length) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength(length);
    }
  }

  private static List<Hostile> checkpoints() {
    return List.of(
        shard("deep JSON", "expected an object", () -> "{\"a\":" + "[".repeat(1_000_000) + "}"),
        shard("deep objects", "expected JSON", () -> "{\"a\":".repeat(200_000)),
        shard("huge name", "expected JSON", () -> named(30_000_000)),
        shard("huge number", "expected JSON", () -> "{\"a\":" + "1".repeat(1_000_000) + "}"),
        shard("a name of 5000 characters", "at most 4096", () -> named(5000)),
        shard("a name of a megabyte", "JSON within bounds", () -> named(1 << 19)),
        entries(
            "60 names of a megabyte",
            "JSON within bounds",
            () -> numbered(",\"" + "a.".repeat(1 << 18) + "%d\":" + EMPTY, 60)),
        entries(
            "a name of a megabyte beside 3000 modules",
            "JSON within bounds",
            () ->
                numbered(",\"layers.%d.q.weight\":" + EMPTY.replace("[0]", "[0,0]"), 3000)
                    + ",\"layers.0.%s.weight\":%s".formatted("a".repeat(1 << 19), EMPTY)),
        entries(
            "50 MB of metadata",
            "at most 16777216 characters",
            () ->
                ",\"__metadata__\":{\"a\":\"\""
                    + numbered(",\"k%d\":\"0123456789\"", 2_200_000)
                    + "}"),
        entries(
            "a value of 50 MB in the metadata",
            "JSON within bounds",
            () -> ",\"__metadata__\":{\"a\":\"" + "v".repeat(50_000_000) + "\"}"),
        entries(
            "more than a million tensors",
            "at most 1000000 tensors",
            () -> numbered(",\"t%d\":" + EMPTY, 1_100_000)),
        entries(
            "a million keys of a tensor",
            "at most 64 keys",
            () -> ",\"b\":{\"dtype\":\"U8\"" + numbered(",\"k%d\":0", 1_000_000) + "}"),
        entries(
            "shapes that take all memory",
            "for a Java heap of",
            () ->
                numbered(
                    ",\"t%%d\":{\"dtype\":\"U8\",\"shape\":[0,%%d%s],\"data_offsets\":[0,0]}"
                        .formatted(",999".repeat(62)),
                    250_000)),
        index("a name of 5000 characters", "at most 4096", () -> mapped(5000)),
        index("a name of a megabyte in it", "JSON within bounds", () -> mapped(1 << 19)),
        weightMap("of a million tensors", "it in no shard", "layers.%d.mlp.q_proj", 999_999),
        weightMap("of more than a million", "at most 1000000 tensors", "%d", 1_000_001),
        index(
            "50 MB of metadata in an index, and nothing else",
            "weight_map",
            () -> "{\"metadata\":{\"x\":[0" + numbered(",%d", 7_000_000) + "]}}"),
        index("deep index", "expected JSON", () -> "{\"x\":" + "[".repeat(1_000_000)),
        inspected(
            "an index that is not UTF-8",
            "UTF-8",
            model -> Files.write(model.resolve(INDEX), new byte[] {'{', '"', (byte) 0xff, '"'})),
        inspected(
            "an index of 200 MB",
            "at most 100000000 bytes",
            model -> extend(model.resolve(INDEX), 200_000_000)),
        inspected(
            "a shard that links to itself",
            SHARD,
            model -> {
              Files.delete(model.resolve(SHARD));
              Files.createSymbolicLink(model.resolve(SHARD), Path.of(SHARD));
            }));
  }

  private static List<Hostile> models() {
    List<Hostile> files = new ArrayList<>();
    for (String row : CHANGES.split("\n")) {
      String[] cells = row.replace("MOST", "of at most 134217728").split(" [|] ");
      String file = cells[0].equals("tokenizer") ? "tokenizer.json" : "config.json";
      Damage damage = model -> TestData.replace(model.resolve(file), cells[3], cells[4]);
      if (cells[0].startsWith("t")) {
        files.add(tokenized(cells[1], cells[2], damage));
      } else {
        Path fixture = TestData.fixture(cells[0]);
        String line = "perplexity --tokens %s/tokens.json --backend cpu".formatted(fixture);
        files.add(on(fixture.resolve("model"), row, cells[2], damage, line));
      }
    }
    files.addAll(
        List.of(
            config(
                "a deep config",
                file -> Files.writeString(file, "{\"a\":" + "[".repeat(1_000_000))),
            config(
                "a config of 20 million numbers",
                file -> Files.writeString(file, "{\"a\":[" + "0,".repeat(20_000_000) + "0]}")),
            config(
                "a config of 3 GB",
                file -> {
                  Files.delete(file);
                  extend(file, 3L << 30);
                }),
            tokenizer(
                "a deep tokenizer",
                "tokenizer.json",
                file -> Files.writeString(file, "{\"model\":" + "[".repeat(1_000_000))),
            tokenizer(
                "a tokenizer of 200 MB",
                "at most 100000000 bytes",
                file -> extend(file, 200_000_000)),
            tokenizer(
                "a tokenizer that is not UTF-8",
                "tokenizer.json",
                file -> Files.write(file, new byte[] {'{', '"', (byte) 0xff, '"', ':'})),
            tokenizer(
                "a charsmap without a table",
                "tokenizer.json",
                file -> {
                  ObjectNode json = (ObjectNode) TestData.json(file);
                  json.putObject("normalizer")
                      .put("type", "Precompiled")
                      .put("precompiled_charsmap", "AAAAAAA=");
                  Files.writeString(file, json.toString());
                })));
    return files;
  }

  private static List<Hostile> samples() {
    String header =
        "{\"__metadata__\":{\"format\":\"wanda-cuda.statistics.v1\"},\"a.input_norm\":"
            + "{\"dtype\":\"F32\",\"shape\":[475000000],\"data_offsets\":[0,1900000000]}}";
    return List.of(
        pruned(
            "statistics",
            "norms.safetensors",
            "half of the Java heap",
            file -> {
              Files.write(file, safetensors(header));
              extend(file, Files.size(file) - 4 + 1_900_000_000L);
            }),
        zeros("text.txt", "for a Java heap of", 900_000_000),
        zeros("large.txt", "at most 1000000000 bytes", 1L << 40),
        zeros("ids.json", "for a Java heap of", 1L << 30),
        zeros("line.jsonl", "for a Java heap of", 900_000_000),
        pruned(
            "calibration",
            "deep.json",
            "found a list",
            file -> Files.writeString(file, "[".repeat(1_000_000))),
        pruned(
            "calibration",
            "bomb.jsonl.gz",
            "at most 100 times",
            file -> {
              try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file), 1 << 16)) {
                for (int megabyte = 0; megabyte < 400; megabyte++) {
                  out.write(new byte[1 << 20]);
                }
              }
            }));
  }

  @Test
  void eachIsRefusedInOneLine() throws IOException {
    List<Hostile> corpus =
        Stream.of(checkpoints(), models(), samples()).flatMap(List::stream).toList();
    List<Path> words = new ArrayList<>();
    for (int index = 0; index < corpus.size(); index++) {
      Path folder = Files.createDirectory(directory.resolve("case" + index));
      List<String> line = List.of(Words.texts(corpus.get(index).command().in(folder)));
      words.add(Files.write(folder.resolve("words"), line));
    }
    List<String> options =
        List.of(HEAP, "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");
    Command.main(options, Runs.class, words).within(SECONDS).run().succeeds();
    SoftAssertions all = new SoftAssertions();
    for (int index = 0; index < corpus.size(); index++) {
      check(all, corpus.get(index), directory.resolve("case" + index));
    }
    all.assertAll();
    refused += corpus.size();
  }

  private static void check(SoftAssertions all, Hostile file, Path folder) throws IOException {
    List<String> lines = Files.readAllLines(folder.resolve("words.outcome"));
    String[] numbers = lines.get(0).split(" ");
    List<String> said = lines.subList(1, lines.size());
    all.assertThat(numbers[0]).as("%s: %s", file, said).isEqualTo(Integer.toString(BAD_INPUT));
    all.assertThat(Long.parseLong(numbers[1])).as(file.name()).isLessThan(LONGEST_MILLIS);
    all.assertThat(said).as(file.name()).hasSize(1);
    all.assertThat(String.join(" / ", said))
        .as(file.name())
        .startsWith("wanda-cuda: ")
        .contains(file.said())
        .doesNotContain("Exception", "Error")
        .hasSizeLessThan(1_000);
    Path output = folder.resolve("out");
    all.assertThat(output.resolve("config.json")).as(file.name()).doesNotExist();
  }

  /** Runs many commands in one JVM, which has little memory and may not end. */
  static final class Runs {
    private Runs() {}

    /**
     * Takes files that hold a command's words, one a line. Beside each it writes the exit code, the
     * milliseconds, and what was said.
     */
    public static void main(String[] files) throws IOException {
      for (String name : files) {
        Path file = Path.of(name);
        List<String> words = Files.readAllLines(file);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(said, true, StandardCharsets.UTF_8);
        PrintStream usual = System.err;
        System.setErr(err);
        long start = System.nanoTime();
        int exitCode =
            new WandaCuda(new PrintStream(OutputStream.nullOutputStream()), new Stderr(err))
                .run(words.toArray(String[]::new));
        long millis = (System.nanoTime() - start) / 1_000_000;
        System.setErr(usual);
        Files.writeString(
            file.resolveSibling(file.getFileName() + ".outcome"),
            "%d %d%n%s".formatted(exitCode, millis, said.toString(StandardCharsets.UTF_8)));
      }
    }
  }

  private Ended inspectInLittleMemory(Object... more) {
    return Command.jar("inspect", "--quiet", "--model", directory, more).withOptions(HEAP).run();
  }

  /** Writes a checkpoint of a million tensors of a byte. */
  private void million(String lastName) throws IOException {
    int count = 1_000_000;
    String tensor = ",\"t%1$d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%1$d,%2$d]}";
    StringBuilder header = new StringBuilder();
    IntStream.range(0, count).forEach(i -> header.append(tensor.formatted(i, i + 1)));
    header.setCharAt(0, '{');
    Path file = directory.resolve("model.safetensors");
    Files.write(file, safetensors(header.append('}').toString().replace("t999999", lastName)));
    extend(file, Files.size(file) - 4 + count);
    Files.writeString(directory.resolve("config.json"), "{}");
  }

  @Test
  void aMillionTensorsAreReadInLittleMemory() throws IOException {
    million("last");
    assertThat(inspectInLittleMemory("--json").succeeds().json().get("parameters").asLong())
        .isEqualTo(1_000_000);
  }

  @Test
  void aMillionTensorsTheLastOfThemTwice() throws IOException {
    million("t0");
    Ended result = inspectInLittleMemory().isRefused(BAD_INPUT, "tensor t0: expected one entry");
    assertThat(result.errorLines()).hasSize(1);
    refused++;
  }

  /** A snapshot of a Hugging Face cache is a folder of links, and has to go on working. */
  @Test
  void aSnapshotOfACacheIsRead() throws IOException {
    Path cache = Files.createDirectories(directory.resolve("models--owner--tiny"));
    Path blobs = Files.createDirectory(cache.resolve("blobs"));
    Path snapshot = Files.createDirectories(cache.resolve("snapshots/0123"));
    for (String name : TestData.names(TestData.TINY_LLAMA)) {
      Files.copy(TestData.TINY_LLAMA.resolve(name), blobs.resolve("blob-" + name));
      Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs/blob-" + name));
    }
    Path output = directory.resolve("out");
    Cli.line(
            "prune --model %s --output %s --backend cpu --statistics %s --quiet",
            snapshot, output, TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"))
        .succeeds();
    try (Stream<Path> files = Files.list(output)) {
      assertThat(files.filter(Files::isSymbolicLink)).isEmpty();
    }
  }
}
