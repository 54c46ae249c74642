package io.github.wandacuda.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.wandacuda.DType;
import io.github.wandacuda.io.AtomicWrite;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Writes small safetensors files of float32 vectors, and the headers of others. Equal content gives
 * equal bytes.
 */
public final class SafetensorsWriter {
  private static final JsonFactory FACTORY = new JsonFactory();

  private SafetensorsWriter() {}

  /**
   * Returns the content of a file. Tensors and metadata are in code-point order of their names, and
   * the data starts at a multiple of 8 bytes.
   *
   * @param metadata the entries of {@code __metadata__}, which is left out if there are none
   */
  public static AtomicWrite.Content content(
      Map<String, float[]> vectors, Map<String, String> metadata) {
    if (vectors.containsKey(HeaderParser.METADATA)) {
      throw new IllegalArgumentException("no tensor can be called " + HeaderParser.METADATA);
    }
    SortedMap<String, float[]> sorted = new TreeMap<>(TensorNames.ORDER);
    sorted.putAll(vectors);
    Map<String, String> copy = Map.copyOf(metadata);
    List<Vector> entries =
        sorted.entrySet().stream()
            .map(entry -> new Vector(entry.getKey(), entry.getValue().length))
            .toList();
    return out -> {
      out.write(header(layout(entries), copy));
      for (float[] vector : sorted.values()) {
        write(out, vector);
      }
    };
  }

  /** A float32 vector of a file. */
  public record Vector(String name, long elements) {}

  /** Returns how vectors lie in a file, in their order. */
  public static List<TensorInfo> layout(List<Vector> vectors) {
    List<TensorInfo> layout = new ArrayList<>();
    long at = 0;
    for (Vector vector : vectors) {
      long end = at + vector.elements() * Float.BYTES;
      layout.add(
          new TensorInfo(vector.name(), DType.F32.name(), List.of(vector.elements()), at, end));
      at = end;
    }
    return layout;
  }

  /** Returns what a file begins with, a multiple of 8 bytes: its header and the header's length. */
  public static byte[] header(List<TensorInfo> tensors, Map<String, String> metadata) {
    SortedMap<String, String> sorted = new TreeMap<>(TensorNames.ORDER);
    sorted.putAll(metadata);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = FACTORY.createGenerator(bytes)) {
      json.writeStartObject();
      if (!sorted.isEmpty()) {
        json.writeObjectFieldStart(HeaderParser.METADATA);
        for (Map.Entry<String, String> entry : sorted.entrySet()) {
          json.writeStringField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
      }
      for (TensorInfo tensor : tensors) {
        writeEntry(json, tensor);
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("memory can be written", e);
    }
    bytes.writeBytes(" ".repeat(-bytes.size() & 7).getBytes(StandardCharsets.US_ASCII));
    return ByteBuffer.allocate(Long.BYTES + bytes.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(bytes.size())
        .put(bytes.toByteArray())
        .array();
  }

  private static void writeEntry(JsonGenerator json, TensorInfo tensor) throws IOException {
    long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
    json.writeObjectFieldStart(tensor.name());
    json.writeStringField("dtype", tensor.dtype());
    json.writeFieldName("shape");
    json.writeArray(shape, 0, shape.length);
    json.writeFieldName("data_offsets");
    json.writeArray(new long[] {tensor.begin(), tensor.end()}, 0, 2);
    json.writeEndObject();
  }

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
