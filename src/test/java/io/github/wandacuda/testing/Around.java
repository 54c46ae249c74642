package io.github.wandacuda.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Makes objects that are like another one, but for some methods. */
public final class Around {
  private Around() {}

  /** What another object is around. */
  private interface Layer {
    Object inner();
  }

  /**
   * Returns an object that is like another one. What that one calls of its own isn't changed.
   *
   * @param changed its public methods are called in place of those of the type
   */
  public static <T> T of(Class<T> type, T inner, Object changed) {
    List<Method> all =
        Arrays.stream(changed.getClass().getDeclaredMethods())
            .filter(method -> Modifier.isPublic(method.getModifiers()))
            .toList();
    for (Method method : all) {
      if (Arrays.stream(type.getMethods()).noneMatch(other -> isSame(method, other))) {
        throw new IllegalArgumentException("%s has no %s".formatted(type, method));
      }
      method.setAccessible(true);
    }
    return type.cast(
        Proxy.newProxyInstance(
            Around.class.getClassLoader(),
            new Class<?>[] {type, Layer.class},
            (proxy, method, arguments) -> {
              if (method.getDeclaringClass() == Layer.class) {
                return inner;
              }
              Optional<Method> own = all.stream().filter(each -> isSame(each, method)).findFirst();
              try {
                return own.isPresent()
                    ? own.get().invoke(changed, arguments)
                    : method.invoke(inner, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  /** Returns what an object is around, or the object itself. */
  public static <T> T inner(Class<T> type, T object) {
    return object instanceof Layer layer ? type.cast(layer.inner()) : object;
  }

  private static boolean isSame(Method one, Method other) {
    return one.getName().equals(other.getName())
        && Arrays.equals(one.getParameterTypes(), other.getParameterTypes());
  }
}
