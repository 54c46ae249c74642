package engine.onnx;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes an ONNX file of two MatMul with a Relu between, field by field. */
final class OnnxModel {
  private static final int FLOAT = 1;
  private static final int EXTERNAL = 1;
  private static final int OPERATORS = 17;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private OnnxModel() {}

  /** Writes a model whose weights, float32 as [in, out], are in a file beside it. */
  static void write(Path file, Path weights, int tokens, int in, int hidden, int width)
      throws IOException {
    OnnxModel graph =
        new OnnxModel()
            .message(1, node("MatMul", "h", "x", "up"))
            .message(1, node("Relu", "a", "h"))
            .message(1, node("MatMul", "y", "a", "down"))
            .text(2, "mlp")
            .message(5, initializer("up", weights, 0, in, hidden))
            .message(5, initializer("down", weights, 4L * in * hidden, hidden, width))
            .message(11, value("x", tokens, in))
            .message(12, value("y", tokens, width));
    OnnxModel model =
        new OnnxModel()
            .number(1, 8)
            .message(7, graph)
            .message(8, new OnnxModel().text(1, "").number(2, OPERATORS));
    Files.write(file, model.out.toByteArray());
  }

  private static OnnxModel node(String operator, String output, String... inputs) {
    OnnxModel node = new OnnxModel();
    for (String input : inputs) {
      node.text(1, input);
    }
    return node.text(2, output).text(4, operator);
  }

  private static OnnxModel initializer(String name, Path weights, long from, int in, int out) {
    String file = weights.getFileName().toString();
    return new OnnxModel()
        .number(1, in)
        .number(1, out)
        .number(2, FLOAT)
        .text(8, name)
        .message(13, entry("location", file))
        .message(13, entry("offset", Long.toString(from)))
        .message(13, entry("length", Long.toString(4L * in * out)))
        .number(14, EXTERNAL);
  }

  private static OnnxModel entry(String key, String value) {
    return new OnnxModel().text(1, key).text(2, value);
  }

  private static OnnxModel value(String name, long... shape) {
    OnnxModel sizes = new OnnxModel();
    for (long size : shape) {
      sizes.message(1, new OnnxModel().number(1, size));
    }
    OnnxModel tensor = new OnnxModel().number(1, FLOAT).message(2, sizes);
    return new OnnxModel().text(1, name).message(2, new OnnxModel().message(1, tensor));
  }

  private OnnxModel number(int field, long value) {
    variable((long) field << 3);
    variable(value);
    return this;
  }

  private OnnxModel text(int field, String text) {
    return bytes(field, text.getBytes(StandardCharsets.UTF_8));
  }

  private OnnxModel message(int field, OnnxModel message) {
    return bytes(field, message.out.toByteArray());
  }

  private OnnxModel bytes(int field, byte[] bytes) {
    variable((long) field << 3 | 2);
    variable(bytes.length);
    out.writeBytes(bytes);
    return this;
  }

  private void variable(long value) {
    long rest = value;
    while (rest > 127) {
      out.write((int) (rest & 127 | 128));
      rest >>>= 7;
    }
    out.write((int) rest);
  }
}
