package io.github.wandacuda.io.checkpoint;

import java.nio.file.Path;
import java.util.regex.Pattern;

/** Tells weights in formats that are not read from the files that go along with a model. */
final class OtherWeights {
  private static final Pattern NAME =
      Pattern.compile(
          "(?is)pytorch_model.*\\.bin(\\.index.*\\.json)?"
              + "|consolidated\\..*"
              + "|.*\\.(pt|pth|gguf|ggml|h5|msgpack|onnx|onnx_data|onnx\\.data|ot|tflite)"
              + "|.*\\.ckpt(\\..*|-.*)?"
              + "|(tf_model\\.h5|flax_model\\.msgpack)\\.index\\.json"
              + "|openvino_.*\\.(bin|xml)");

  private OtherWeights() {}

  /** Returns whether a file's name says that it holds weights, or an index of such files. */
  static boolean matches(Path file) {
    return NAME.matcher(file.getFileName().toString()).matches();
  }
}
