package io.github.wandacuda.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** A small model's config and tensors, to be changed and written to another directory. */
public final class EditedModel {
  private static final String QUANTIZATION = "quantization_config";

  private final ObjectNode config;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** A tensor's type, shape and bytes. */
  public record Tensor(String dtype, int[] shape, byte[] bytes) {
    public static Tensor zeros(String dtype, int elementBytes, int... shape) {
      return new Tensor(dtype, shape, new byte[elementBytes * count(shape)]);
    }

    /** Returns its first or, if there are fewer, its first and then its first bytes again. */
    public Tensor of(int... other) {
      byte[] resized = new byte[elementBytes() * count(other)];
      for (int i = 0; i < resized.length; i++) {
        resized[i] = bytes[i % bytes.length];
      }
      return new Tensor(dtype, other, resized);
    }

    private static int count(int... shape) {
      return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    private int elementBytes() {
      return bytes.length / count(shape);
    }
  }

  private EditedModel(ObjectNode config) {
    this.config = config;
  }

  /** Reads a model, in the order of its files and tensors. */
  public static EditedModel of(Path directory) throws IOException {
    EditedModel model =
        new EditedModel((ObjectNode) TestData.json(directory.resolve("config.json")));
    for (String file : TestData.names(directory)) {
      if (file.endsWith(".safetensors")) {
        model.read(ByteBuffer.wrap(Files.readAllBytes(directory.resolve(file))));
      }
    }
    return model;
  }

  private void read(ByteBuffer file) throws IOException {
    byte[] header = new byte[(int) file.order(ByteOrder.LITTLE_ENDIAN).getLong()];
    file.get(header);
    int start = file.position();
    JsonNode entries = TestData.json(header);
    for (Map.Entry<String, JsonNode> entry : entries.properties()) {
      JsonNode info = entry.getValue();
      if (info.has("dtype")) {
        byte[] bytes = new byte[info.at("/data_offsets/1").asInt() - begin(info)];
        file.get(start + begin(info), bytes);
        int[] shape = info.get("shape").valueStream().mapToInt(JsonNode::asInt).toArray();
        tensors.put(entry.getKey(), new Tensor(info.get("dtype").asText(), shape, bytes));
      }
    }
  }

  private static int begin(JsonNode info) {
    return info.at("/data_offsets/0").asInt();
  }

  public ObjectNode config() {
    return config;
  }

  /** Returns what the config says of quantization. */
  public ObjectNode quantization() {
    return (ObjectNode) config.get(QUANTIZATION);
  }

  /** Returns the tensors by name, which may be changed. */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /** Sets an element to some bits. */
  public void put(String tensor, long bits, int... index) {
    Tensor into = tensors.get(tensor);
    int element = 0;
    for (int dimension = 0; dimension < index.length; dimension++) {
      element = element * into.shape()[dimension] + index[dimension];
    }
    int size = into.elementBytes();
    for (int at = 0; at < size; at++) {
      into.bytes()[element * size + at] = (byte) (bits >> Byte.SIZE * at);
    }
  }

  /** Sets an element of float32. */
  public void put(String tensor, float value, int... index) {
    put(tensor, Float.floatToRawIntBits(value), index);
  }

  /** Writes the model, in one file of tensors. */
  public Path write(Path directory) throws IOException {
    SafetensorsBytes file = new SafetensorsBytes();
    tensors.forEach((name, tensor) -> file.raw(name, tensor.dtype, tensor.bytes, tensor.shape));
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("config.json"), config.toString(), StandardCharsets.UTF_8);
    file.write(directory.resolve("model.safetensors"));
    return directory;
  }
}
