package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.forward.Operations;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Operations whose tensors have room for so many rows of more than one column, and no more. */
public final class ShortOfMemory {
  /** What a tile has. */
  public static final int ROWS = 2048;

  private ShortOfMemory() {}

  public static Operations of(Operations operations) {
    return (Operations)
        Proxy.newProxyInstance(
            Operations.class.getClassLoader(),
            new Class<?>[] {Operations.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("tensor")
                  && (int) arguments[0] > ROWS
                  && (int) arguments[1] > 1) {
                throw new DeviceMemoryException("no room");
              }
              try {
                return method.invoke(operations, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
