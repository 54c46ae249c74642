package io.github.wandacuda.testing.selection;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Just enough of the safetensors format to read the repository's own test data. */
public final class TensorFiles {
  /**
   * A tensor.
   *
   * @param dtype its type, as the header has it
   * @param shape its dimensions
   * @param data its bytes
   */
  public record Stored(String dtype, int[] shape, MemorySegment data) {
    WeightMatrix matrix() {
      return WeightMatrix.of(data, DType.of(dtype).orElseThrow(), shape[0], shape[1]);
    }

    public float[] floats() {
      return data.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    public byte[] bytes() {
      return data.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private TensorFiles() {}

  /** Returns all tensors of a directory's files, or of one file, by name. */
  public static Map<String, Stored> read(Path path) {
    Map<String, Stored> tensors = new TreeMap<>();
    try {
      if (!Files.isDirectory(path)) {
        readFile(path, tensors);
        return tensors;
      }
      try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*.safetensors")) {
        for (Path file : files) {
          readFile(file, tensors);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tensors;
  }

  private static void readFile(Path file, Map<String, Stored> tensors) throws IOException {
    MemorySegment all = MemorySegment.ofArray(Files.readAllBytes(file));
    long headerLength = all.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    byte[] header = all.asSlice(Long.BYTES, headerLength).toArray(ValueLayout.JAVA_BYTE);
    MemorySegment data = all.asSlice(Long.BYTES + headerLength);
    for (Map.Entry<String, JsonNode> entry : new ObjectMapper().readTree(header).properties()) {
      if (!entry.getKey().equals("__metadata__")) {
        tensors.put(entry.getKey(), stored(entry.getValue(), data));
      }
    }
  }

  private static Stored stored(JsonNode entry, MemorySegment data) {
    int[] shape = new int[entry.get("shape").size()];
    Arrays.setAll(shape, i -> entry.get("shape").get(i).intValue());
    long from = entry.get("data_offsets").get(0).longValue();
    long to = entry.get("data_offsets").get(1).longValue();
    return new Stored(entry.get("dtype").textValue(), shape, data.asSlice(from, to - from));
  }
}
