package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** Loads the classes of a package, and of those below it, once more, some of them changed. */
public abstract class RedefinedPackage extends ClassLoader {
  private final String prefix;

  /** Creates a loader of the package that a class is in. */
  protected RedefinedPackage(Class<?> member) {
    super(member.getClassLoader());
    prefix = member.getPackageName() + ".";
  }

  /** Returns the class file to load, given the one that there is. */
  protected abstract byte[] changed(String name, byte[] classFile) throws IOException;

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    if (!name.startsWith(prefix)) {
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
