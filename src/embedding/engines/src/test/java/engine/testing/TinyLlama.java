package engine.testing;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.SafetensorsShard;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The bundled model, and what the program makes of it: statistics, and a pruned directory. */
public final class TinyLlama {
  /** The model's directory. */
  public static final Path MODEL = Path.of("testdata", "models", "tiny-llama");

  /** Models in GGUF. */
  public static final Path GGUF = Path.of("testdata", "gguf");

  /** Where the tests write. */
  public static final Path WORK = Path.of("target", "embedding", "work");

  /** How many sequences the statistics come from, and how long each is. */
  public static final int SAMPLES = 4;

  private static final int LENGTH = 128;
  private static final Path TOKENS = WORK.resolve("tokens.json");
  private static final Path STATISTICS = WORK.resolve("statistics.safetensors");
  private static final Path PRUNED = WORK.resolve("pruned");
  private static final Path PACKED = WORK.resolve("packed");

  private TinyLlama() {}

  private static final class Written {
    static final Map<Path, String> OUTPUTS = write();

    private static Map<Path, String> write() {
      try {
        Files.createDirectories(WORK);
        Files.writeString(TOKENS, Arrays.deepToString(samples()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return Map.of(
          STATISTICS,
          Program.wandaCuda(
              "calibrate",
              "--model",
              MODEL,
              "--calibration",
              TOKENS,
              "--output",
              STATISTICS,
              "--overwrite",
              "--json"),
          PRUNED,
          prune(STATISTICS, PRUNED));
    }
  }

  /** Prunes half of each row by a file of statistics; returns what the program printed. */
  public static String prune(Path statistics, Path to) {
    empty(to);
    return Program.wandaCuda(
        "prune", "--model", MODEL, "--statistics", statistics, "--output", to, "--json");
  }

  private static void empty(Path to) {
    try (Stream<Path> files = Files.exists(to) ? Files.list(to) : Stream.empty()) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the token ids that the statistics come from, the first of {@code testdata/golden}. */
  public static int[][] samples() throws IOException {
    return Stream.of(lists(Path.of("testdata", "golden", "tiny-llama", "calibration.json")))
        .limit(SAMPLES)
        .map(ids -> Arrays.copyOf(ids, Math.min(LENGTH, ids.length)))
        .toArray(int[][]::new);
  }

  /** Reads a file's lists of token ids. */
  public static int[][] lists(Path tokens) throws IOException {
    return Pattern.compile("\\[([^\\[\\]]+)]")
        .matcher(Files.readString(tokens))
        .results()
        .map((MatchResult list) -> list.group(1).strip().split("\\s*,\\s*"))
        .map(ids -> Stream.of(ids).mapToInt(Integer::parseInt).toArray())
        .toArray(int[][]::new);
  }

  /** Returns the lists of {@link #samples} as a file. */
  public static Path tokens() {
    Written.OUTPUTS.size();
    return TOKENS;
  }

  /** Returns the file that {@code calibrate} wrote. */
  public static Path statistics() {
    Written.OUTPUTS.size();
    return STATISTICS;
  }

  /** Returns the directory that {@code prune} wrote. */
  public static Path pruned() {
    Written.OUTPUTS.size();
    return PRUNED;
  }

  /** Returns the directory that {@code pack} makes of {@link #pruned}. */
  public static Path packed() {
    empty(PACKED);
    Program.wandaCuda("pack", "--model", pruned(), "--output", PACKED);
    return PACKED;
  }

  /** Returns the directory of what is left without the parts that these options name. */
  public static Path smaller(String options) {
    Path smaller = WORK.resolve("smaller");
    empty(smaller);
    removeParts(MODEL, tokens(), smaller, options);
    return smaller;
  }

  /** Writes what is left of a model without the parts that these options name. */
  public static void removeParts(Path model, Path tokens, Path to, String options) {
    List<Object> words = new ArrayList<>(List.of("prune", "--model", model, "--output", to));
    words.addAll(List.of("--calibration", tokens, "--backend", "cpu"));
    words.addAll(List.of(options.split(" ")));
    Program.wandaCuda(words.toArray());
  }

  /** Returns the digest of the masks that {@code prune} printed. */
  public static String maskDigest() {
    return maskDigest(Written.OUTPUTS.get(PRUNED));
  }

  /** Returns the digest of the masks in what {@code prune --json} printed. */
  public static String maskDigest(String printed) {
    return Pattern.compile("\"mask_sha256\" : \"(\\w+)\"")
        .matcher(printed)
        .results()
        .map(digest -> digest.group(1))
        .findFirst()
        .orElseThrow();
  }

  /** Returns the criteria of a statistics file by module. */
  public static Map<String, Criterion> criteria(Path statistics) throws IOException {
    SafetensorsShard shard = SafetensorsShard.of(map(statistics));
    return shard.names().stream()
        .collect(
            Collectors.toMap(
                name -> name.replaceFirst("\\.input_norm$", ""),
                name -> Criterion.wanda(shard.vector(name))));
  }

  /** Returns the weights of a model's linear modules, by module. */
  public static Map<String, WeightMatrix> matrices(Path model) throws IOException {
    Map<String, WeightMatrix> matrices = new TreeMap<>();
    for (SafetensorsShard shard : shards(model)) {
      shard.names().stream()
          .filter(name -> name.endsWith("_proj.weight"))
          .forEach(name -> matrices.put(name.replaceFirst("\\.weight$", ""), shard.matrix(name)));
    }
    return matrices;
  }

  /** Returns the shards of a model's directory. */
  public static List<SafetensorsShard> shards(Path model) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      List<Path> shards =
          files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
      return shards.stream().map(file -> SafetensorsShard.of(map(file))).toList();
    }
  }

  private static MemorySegment map(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.global());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
