package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models that llama.cpp's own tools wrote, and what llama.cpp computed for them. */
class GgufModelsTest {
  private static final Path FOLDER = Path.of("testdata", "gguf");
  private static final JsonNode EXPECTED = TestData.json(FOLDER.resolve("expected.json"));

  /** Of these llama.cpp looks GELU up in a table of halves. */
  private static final Set<String> GELU =
      Set.of("bloom", "gemma", "gemma2", "gemma3", "gpt2", "gptneox");

  static List<String> models() {
    return EXPECTED.properties().stream().map(Map.Entry::getKey).toList();
  }

  @ParameterizedTest
  @MethodSource("models")
  void itsPerplexityIsThatOfLlamaCppAndTransformers(String name) {
    JsonNode expected = EXPECTED.path(name);
    List<int[]> tokens =
        TestData.tokens(
            FOLDER.resolve("tokens").resolve(expected.path("tokens").textValue() + ".json"));
    double percent = GELU.contains(expected.path("architecture").textValue()) ? 1e-2 : 3e-4;
    try (CpuDecoder decoder = CpuDecoder.open(FOLDER.resolve(name), 2)) {
      double perplexity = decoder.perplexity(tokens);
      assertThat(perplexity)
          .isCloseTo(expected.path("perplexity").doubleValue(), withinPercentage(percent));
      JsonNode transformers = expected.path("perplexity_transformers");
      if (!transformers.isMissingNode()) {
        assertThat(perplexity).isCloseTo(transformers.doubleValue(), withinPercentage(1e-4));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void itsTensorsAreWidenedToTheBit(String name) {
    Map<String, String> digests = new TreeMap<>();
    try (GgufFiles files = GgufFiles.open(FOLDER.resolve(name))) {
      for (Stored stored : files.tensors().values()) {
        digests.put(stored.name(), digest(RowSource.widened(stored, 0, stored.tensor().rows())));
      }
    }
    Map<String, String> expected = new TreeMap<>();
    EXPECTED
        .path(name)
        .path("tensors")
        .properties()
        .forEach(tensor -> expected.put(tensor.getKey(), tensor.getValue().textValue()));
    assertThat(digests).isEqualTo(expected);
  }

  private static String digest(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  static List<Path> files() throws IOException {
    try (Stream<Path> files = Files.walk(FOLDER)) {
      return files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void itsHeaderIsWrittenAsItWasRead(Path path) throws IOException {
    try (GgufFile file = GgufFile.open(path);
        InputStream in = Files.newInputStream(path)) {
      assertThat(file.header().bytes())
          .isEqualTo(in.readNBytes(Math.toIntExact(file.header().dataOffset())));
    }
  }
}
