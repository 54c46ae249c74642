package engine.jlama;

import com.github.tjake.jlama.model.DistributedContext;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.TensorInfo;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.BFloat16BufferTensor;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * Stands between Jlama's files and its model: BF16 tensors that have a criterion are pruned on
 * their way. Jlama's own are mapped read-only, so the pruned ones go into direct buffers.
 *
 * @param criteria by module, such as {@code model.layers.0.mlp.up_proj}
 */
public record PruningLoader(
    WeightLoader files, Map<String, Criterion> criteria, Pruner pruner, Sparsity sparsity)
    implements WeightLoader {

  @Override
  @SuppressWarnings("rawtypes") // as Jlama has it
  public AbstractTensor load(
      String name, DistributedContext context, boolean sparseRows, boolean sparseColumns) {
    AbstractTensor mapped = files.load(name, context, sparseRows, sparseColumns);
    Criterion criterion = criteria.get(name.replaceFirst("\\.weight$", ""));
    if (criterion == null || mapped.dType() != DType.BF16) {
      return mapped;
    }
    MemorySegment from = mapped.getMemorySegment();
    ByteBuffer own =
        ByteBuffer.allocateDirect((int) from.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    WeightMatrix source = matrix(from, mapped);
    WeightMatrix destination = matrix(MemorySegment.ofBuffer(own), mapped);
    pruner.prune(source, destination, criterion, sparsity, PruneOptions.DEFAULT);
    return new BFloat16BufferTensor(name, own.asShortBuffer(), mapped.shape(), true);
  }

  @SuppressWarnings("rawtypes")
  private static WeightMatrix matrix(MemorySegment memory, AbstractTensor like) {
    int rows = like.shape().first();
    int columns = like.shape().last();
    return WeightMatrix.of(memory, io.github.wandacuda.DType.BF16, rows, columns);
  }

  @Override
  public Map<String, String> metadata() {
    return files.metadata();
  }

  @Override
  public Map<String, TensorInfo> tensorInfoMap() {
    return files.tensorInfoMap();
  }

  @Override
  public DType getModelDType() {
    return files.getModelDType();
  }

  @Override
  public void close() throws Exception {
    files.close();
  }
}
