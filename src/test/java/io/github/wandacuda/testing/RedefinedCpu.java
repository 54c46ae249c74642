package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * Loads what computes on the CPU once more, some of its classes changed; what it computes on and
 * how it is called stay the same classes.
 */
public abstract class RedefinedCpu extends ClassLoader {
  private static final String ROOT = "io.github.wandacuda.";
  private static final List<String> NAMES =
      List.of("scalar.", "simd.", "backend.DenseRows", "backend.cpu.");

  /** Creates a loader beside the usual one. */
  protected RedefinedCpu() {
    super(RedefinedCpu.class.getClassLoader());
  }

  /** Returns the class file to load, given the one that there is. */
  protected abstract byte[] changed(String name, byte[] classFile) throws IOException;

  /** Returns whether to load a class once more. */
  protected boolean redefines(String name) {
    return name.startsWith(ROOT)
        && NAMES.stream().anyMatch(name.substring(ROOT.length())::startsWith);
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    if (!redefines(name)) {
      return super.loadClass(name, resolve);
    }
    synchronized (getClassLoadingLock(name)) {
      Class<?> known = findLoadedClass(name);
      return known != null ? known : define(name);
    }
  }

  private Class<?> define(String name) throws ClassNotFoundException {
    try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
      if (in == null) {
        throw new ClassNotFoundException(name);
      }
      byte[] bytes = changed(name, in.readAllBytes());
      return defineClass(name, bytes, 0, bytes.length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
