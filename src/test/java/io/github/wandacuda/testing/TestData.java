package io.github.wandacuda.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The files under {@code testdata}. */
public final class TestData {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** The LLaMA that was trained for this project. */
  public static final Path TINY_LLAMA = Path.of("testdata/models/tiny-llama");

  /** A mixture that was trained on what the other one wrote, and token ids for it. */
  public static final Path TINY_MIXTURE = Path.of("testdata/models/tiny-mixture");

  /** What the original Wanda code made of it. */
  public static final Path GOLDEN = Path.of("testdata/golden/tiny-llama");

  /** Targets of structured pruning. */
  public static final Path STRUCTURED = Path.of("testdata/golden/structured");

  private TestData() {}

  /** Returns the folder of a mixture that {@link #STRUCTURED} has targets of. */
  public static Path structured(String name) {
    Path own = STRUCTURED.resolve(name);
    return Files.exists(own) ? own : fixture(name);
  }

  /** Returns the token ids that its experts are scored by. */
  public static List<int[]> calibration(String name) {
    Path own = STRUCTURED.resolve(name).resolve("calibration.json");
    return tokens(Files.exists(own) ? own : fixture(name).resolve("tokens.json"));
  }

  /** Returns the names of all decoder families' fixtures. */
  public static List<String> families() {
    return folders("fixtures");
  }

  /** Returns the names of all fixtures of quantized checkpoints. */
  public static List<String> quantized() {
    return folders("quantized");
  }

  /** Returns the names of those of which single weights are pruned. */
  public static List<String> prunable() {
    return quantized().stream()
        .filter(name -> !name.startsWith("gptq") && !name.startsWith("awq"))
        .toList();
  }

  private static List<String> folders(String parent) {
    try (Stream<Path> folders = Files.list(Path.of("testdata", parent))) {
      return folders
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the folder of a fixture of a decoder family or of a quantized checkpoint. */
  public static Path fixture(String name) {
    Path quantized = Path.of("testdata/quantized").resolve(name);
    return Files.exists(quantized) ? quantized : Path.of("testdata/fixtures").resolve(name);
  }

  /** Returns the token ids that it is evaluated on. */
  public static List<int[]> evaluation(String name) {
    Path own = STRUCTURED.resolve(name).resolve("evaluation.json");
    return tokens(Files.exists(own) ? own : fixture(name).resolve("tokens.json"));
  }

  /** Reads a JSON file. */
  public static JsonNode json(Path file) {
    try {
      return json(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads bytes of JSON. */
  public static JsonNode json(byte[] bytes) throws IOException {
    return JSON.readTree(bytes);
  }

  /** Reads a list of lists of token ids. */
  public static List<int[]> tokens(Path file) {
    try {
      return List.of(JSON.readValue(Files.readAllBytes(file), int[][].class));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads all bytes of the tensors of a file, by name. */
  public static TreeMap<String, byte[]> bytes(Path file) {
    TreeMap<String, byte[]> tensors = new TreeMap<>();
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      for (TensorInfo tensor : in.tensors()) {
        tensors.put(tensor.name(), TensorBytes.of(in, tensor));
      }
    }
    return tensors;
  }

  /** Reads a tensor of float32. */
  public static float[] floats(Path file, String tensor) {
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      byte[] bytes = TensorBytes.of(in, in.tensor(tensor).orElseThrow());
      return MemorySegment.ofArray(bytes).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  /** Puts other text into a file, which has to hold the one that goes. */
  public static void replace(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    if (!text.contains(from)) {
      throw new IllegalArgumentException("%s has no %s".formatted(file, from));
    }
    Files.writeString(file, text.replace(from, to));
  }

  /** Copies a directory. */
  public static Path copy(Path from, Path to) {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
      return to;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the names of the files in a directory, sorted. */
  public static List<String> names(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return Arrays.asList(
          files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
