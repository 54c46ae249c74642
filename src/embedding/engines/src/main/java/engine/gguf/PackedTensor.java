package engine.gguf;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.library.SafetensorsShard;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A matrix without its zeros, where the packed model is mapped. Checkpoints have the rows of q and
 * k in another order than GGUF, so their outputs change places.
 *
 * @param matrix the weight as it is packed
 * @param heads those whose rows are in the checkpoint's order; 0 if outputs stay where they are
 */
public record PackedTensor(SparseMatrix matrix, int heads) {

  /** Returns the packed matrices of a model by the names of the tensors that they stand for. */
  public static Map<String, PackedTensor> of(GgufFile file, List<SafetensorsShard> packed) {
    Map<String, PackedTensor> tensors = new HashMap<>();
    for (String tensor : file.tensors().keySet()) {
      String weight = GgufModules.module(tensor).orElse("") + ".weight";
      for (SafetensorsShard shard : packed) {
        if (shard.isPacked(weight)) {
          tensors.put(tensor, new PackedTensor(shard.sparseMatrix(weight), heads(file, tensor)));
        }
      }
    }
    return tensors;
  }

  private static int heads(GgufFile file, String tensor) {
    if (tensor.endsWith("attn_q.weight")) {
      return file.integer("llama.attention.head_count");
    }
    return tensor.endsWith("attn_k.weight") ? file.integer("llama.attention.head_count_kv") : 0;
  }

  /** Returns the product with one row of activations. */
  public float[] multiply(float[] x) {
    float[] product = new float[matrix.rows()];
    matrix.multiply(x, 1, product);
    if (heads == 0) {
      return product;
    }
    float[] result = new float[product.length];
    int size = product.length / heads;
    for (int row = 0; row < result.length; row++) {
      int inHead = row % size;
      // Neighbours are what the checkpoint has in the two halves of a head.
      result[row] = product[row - inHead + inHead % 2 * (size / 2) + inHead / 2];
    }
    return result;
  }
}
