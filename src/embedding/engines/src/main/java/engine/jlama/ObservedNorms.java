package engine.jlama;

import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.operations.TensorOperations;
import com.github.tjake.jlama.tensor.operations.TensorOperationsProvider;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.ColumnNorms;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Norms of what Jlama's own forward pass multiplies its weights with. Jlama calls nobody back for a
 * layer's input, but all its products go through one object, which is replaced here while this is
 * open. Load the model with F32 as its working type.
 */
public final class ObservedNorms implements AutoCloseable {
  private final Pruner pruner;
  private final Map<Object, String> modules = Collections.synchronizedMap(new IdentityHashMap<>());
  private final Map<String, ColumnNorms> norms = new HashMap<>();
  private final Object provider;
  private final Field field;
  private final TensorOperations operations;

  /** Puts itself between Jlama and its operations. */
  public ObservedNorms(Pruner pruner) throws ReflectiveOperationException {
    this.pruner = pruner;
    operations = TensorOperationsProvider.get();
    Field instance = TensorOperationsProvider.class.getDeclaredField("instance");
    instance.setAccessible(true);
    provider = instance.get(null);
    field = TensorOperationsProvider.class.getDeclaredField("provider");
    field.setAccessible(true);
    field.set(provider, proxy(TensorOperations.class, this::observed));
  }

  /** Returns a loader of the same weights that remembers which module each belongs to. */
  public WeightLoader naming(WeightLoader files) {
    return proxy(
        WeightLoader.class,
        (self, method, arguments) -> {
          Object result = call(files, method, arguments);
          if (result instanceof AbstractTensor<?, ?>) {
            modules.put(result, ((String) arguments[0]).replaceFirst("\\.weight$", ""));
          }
          return result;
        });
  }

  private Object observed(Object self, Method method, Object[] arguments) throws Throwable {
    // (result, input, weight or weights, offset, limit, first row, rows): threads share the rows.
    if (method.getName().equals("dotProductChunk") && (int) arguments[5] == 0) {
      add((AbstractTensor<?, ?>) arguments[1], arguments[2]);
    } else if (method.getName().equals("dotProductBatchChunk") && (int) arguments[5] == 0) {
      for (Object weight : (Object[]) arguments[2]) {
        add((AbstractTensor<?, ?>) arguments[1], weight);
      }
    }
    return call(operations, method, arguments);
  }

  private synchronized void add(AbstractTensor<?, ?> input, Object weight) {
    String module = modules.get(weight);
    if (module != null) {
      int tokens = input.shape().first();
      int columns = input.shape().last();
      MemorySegment memory = input.getMemorySegment();
      DType dtype = DType.valueOf(input.dType().name());
      norms
          .computeIfAbsent(module, name -> pruner.columnNorms(columns))
          .add(WeightMatrix.of(memory, dtype, tokens, columns));
    }
  }

  /** Returns the norms of {@code samples} sequences by module, of all matrices that were used. */
  public synchronized Map<String, Criterion> criteria(long samples) {
    Map<String, Criterion> criteria = new HashMap<>();
    norms.forEach((module, sums) -> criteria.put(module, sums.toCriterion(samples)));
    return criteria;
  }

  @Override
  public synchronized void close() throws ReflectiveOperationException {
    field.set(provider, operations);
    norms.values().forEach(ColumnNorms::close);
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
