package engine.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Weights of an ONNX model that stay the program's own, such as a private mapping of the file that
 * they are in: ONNX Runtime reads them where they lie. A MatMul's are stored as [in, out].
 */
public final class PrunedInitializers implements AutoCloseable {
  private final Map<String, OnnxTensor> tensors = new HashMap<>();

  /** Prunes float32 weights of a MatMul where they lie. */
  public static PruneResult prune(
      Pruner pruner, MemorySegment memory, int in, int out, Criterion criterion, Sparsity how) {
    WeightMatrix stored = WeightMatrix.of(memory, DType.F32, in, out);
    return pruner.prune(stored.transposed(), criterion, how);
  }

  /** Gives ONNX Runtime memory to read, in place of the initializer of that name. */
  public void add(String name, MemorySegment memory, long... shape) throws OrtException {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    tensors.put(
        name,
        OnnxTensor.createTensor(environment, memory.asByteBuffer(), shape, OnnxJavaType.FLOAT));
  }

  /**
   * Makes a session on that memory, which has to outlive it. By default ONNX Runtime packs weights
   * into copies of its own as it makes a session; with {@code session.disable_prepacking} it reads
   * the memory in every run, and what is pruned later counts too. ({@code addExternalInitializers},
   * the other way to give it memory, copies it.)
   */
  public OrtSession open(Path model, boolean packed) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      for (Map.Entry<String, OnnxTensor> tensor : tensors.entrySet()) {
        options.addInitializer(tensor.getKey(), tensor.getValue());
      }
      if (!packed) {
        options.addConfigEntry("session.disable_prepacking", "1");
      }
      return OrtEnvironment.getEnvironment().createSession(model.toString(), options);
    }
  }

  @Override
  public void close() {
    tensors.values().forEach(OnnxTensor::close);
  }
}
