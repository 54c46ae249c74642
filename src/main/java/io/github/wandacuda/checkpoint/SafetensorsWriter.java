package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.DType;
import io.github.wandacuda.io.AtomicWrite;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Writes small safetensors files of float32 vectors, and the headers of others. Equal content gives
 * equal bytes.
 */
public final class SafetensorsWriter {
  private SafetensorsWriter() {}

  /**
   * Returns the content of a file. Tensors and metadata are in code-point order of their names, and
   * the data starts at a multiple of 8 bytes.
   *
   * @param vectors the tensors by name, which are read when the content is written
   * @param metadata the entries of {@code __metadata__}, which is left out if there are none
   * @throws IllegalArgumentException if a tensor is called {@code __metadata__}
   */
  public static AtomicWrite.Content content(
      Map<String, float[]> vectors, Map<String, String> metadata) {
    if (vectors.containsKey(HeaderParser.METADATA)) {
      throw new IllegalArgumentException("no tensor can be called " + HeaderParser.METADATA);
    }
    SortedMap<String, float[]> sorted = new TreeMap<>(TensorNames.ORDER);
    sorted.putAll(vectors);
    Map<String, String> copy = Map.copyOf(metadata);
    List<TensorInfo> entries =
        sorted.entrySet().stream()
            .map(entry -> vector(entry.getKey(), entry.getValue().length))
            .toList();
    return out -> {
      out.write(header(layout(entries), copy));
      for (float[] vector : sorted.values()) {
        write(out, vector);
      }
    };
  }

  /**
   * Describes a float32 vector whose place in the file isn't known yet: its offsets give its length
   * alone, see {@link #layout}.
   */
  public static TensorInfo vector(String name, long elements) {
    return new TensorInfo(name, DType.F32.name(), List.of(elements), 0, elements * Float.BYTES);
  }

  /**
   * Places tensors one behind the other.
   *
   * @param tensors in the order that they will have; of their offsets only the distance counts
   * @return the same with the offsets that they have in the data section
   */
  public static List<TensorInfo> layout(List<TensorInfo> tensors) {
    List<TensorInfo> layout = new ArrayList<>();
    long at = 0;
    for (TensorInfo tensor : tensors) {
      long end = at + tensor.bytes();
      layout.add(new TensorInfo(tensor.name(), tensor.dtype(), tensor.shape(), at, end));
      at = end;
    }
    return layout;
  }

  /**
   * Returns what a file begins with: the header's length and the header, padded by spaces to a
   * multiple of 8 bytes.
   *
   * @param tensors in the order of their bytes
   * @param metadata the entries of {@code __metadata__}, which is left out if there are none
   */
  public static byte[] header(List<TensorInfo> tensors, Map<String, String> metadata) {
    Map<String, Object> header = new LinkedHashMap<>();
    if (!metadata.isEmpty()) {
      SortedMap<String, String> sorted = new TreeMap<>(TensorNames.ORDER);
      sorted.putAll(metadata);
      header.put(HeaderParser.METADATA, sorted);
    }
    for (TensorInfo tensor : tensors) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", tensor.dtype());
      entry.put("shape", tensor.shape());
      entry.put("data_offsets", List.of(tensor.begin(), tensor.end()));
      header.put(tensor.name(), entry);
    }
    try {
      byte[] json = new ObjectMapper().writeValueAsBytes(header);
      byte[] spaces = " ".repeat(-json.length & 7).getBytes(StandardCharsets.US_ASCII);
      return ByteBuffer.allocate(Long.BYTES + json.length + spaces.length)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(json.length + spaces.length)
          .put(json)
          .put(spaces)
          .array();
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("memory can be written", e);
    }
  }

  /** Writes a vector's elements in little-endian order. */
  public static void write(OutputStream out, float[] vector) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(8192).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : vector) {
      if (!bytes.hasRemaining()) {
        out.write(bytes.array(), 0, bytes.position());
        bytes.clear();
      }
      bytes.putFloat(value);
    }
    out.write(bytes.array(), 0, bytes.position());
  }
}
