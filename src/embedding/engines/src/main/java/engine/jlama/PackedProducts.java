package engine.jlama;

import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.operations.TensorOperations;
import com.github.tjake.jlama.tensor.operations.TensorOperationsProvider;
import io.github.wandacuda.library.SafetensorsShard;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * Has Jlama multiply by packed weights where they are mapped. Its kernels are chosen by types that
 * are an enum, so its operations are replaced while this is open. Load the model with F32 as its
 * working type.
 */
public final class PackedProducts implements AutoCloseable {
  private final List<SafetensorsShard> shards;
  private final Object provider;
  private final Field field;
  private final TensorOperations operations;

  /** Puts itself between Jlama and its operations. */
  public PackedProducts(List<SafetensorsShard> shards) throws ReflectiveOperationException {
    this.shards = shards;
    operations = TensorOperationsProvider.get();
    Field instance = TensorOperationsProvider.class.getDeclaredField("instance");
    instance.setAccessible(true);
    provider = instance.get(null);
    field = TensorOperationsProvider.class.getDeclaredField("provider");
    field.setAccessible(true);
    field.set(provider, proxy(TensorOperations.class, this::multiply));
  }

  /** Returns a loader that takes packed weights from the shards, and the others from the files. */
  public WeightLoader loader(WeightLoader files) {
    return proxy(
        WeightLoader.class,
        (self, method, arguments) -> {
          if (method.getName().equals("load")) {
            String name = (String) arguments[0];
            for (SafetensorsShard shard : shards) {
              if (shard.isPacked(name)) {
                return new PackedWeight(shard.sparseMatrix(name));
              }
            }
          }
          return call(files, method, arguments);
        });
  }

  private Object multiply(Object self, Method method, Object[] arguments) throws Throwable {
    // (result, input, weight or weights, offset, limit, first row, rows): threads share the rows.
    if (method.getName().equals("dotProductChunk") && arguments[2] instanceof PackedWeight) {
      multiply(arguments, arguments[2], arguments[0]);
      return null;
    }
    if (method.getName().equals("dotProductBatchChunk")
        && ((Object[]) arguments[2])[0] instanceof PackedWeight) {
      Object[] results = (Object[]) arguments[0];
      Object[] weights = (Object[]) arguments[2];
      for (int i = 0; i < weights.length; i++) {
        multiply(arguments, weights[i], results[i]);
      }
      return null;
    }
    return call(operations, method, arguments);
  }

  private static void multiply(Object[] arguments, Object weight, Object result) {
    ((PackedWeight) weight)
        .multiply(
            (AbstractTensor<?, ?>) arguments[1],
            (AbstractTensor<?, ?>) result,
            (int) arguments[5],
            (int) arguments[6]);
  }

  @Override
  public void close() throws ReflectiveOperationException {
    field.set(provider, operations);
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
