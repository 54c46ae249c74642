package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.wandacuda.error.BackendUnavailableException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The functions of oneDNN that are called here, by the C interface of its version 3. */
final class OneDnnFunctions {
  /** What the statuses from 0 on mean. */
  private static final List<String> STATUSES =
      List.of(
          "success",
          "out of memory",
          "invalid arguments",
          "unimplemented",
          "last implementation reached",
          "runtime error",
          "not required");

  /** A function, its result and its parameters; the result is a status where none is told. */
  enum Name {
    VERSION("version", ADDRESS, List.of()),
    INSTRUCTIONS("get_effective_cpu_isa", JAVA_INT, List.of()),
    ENGINE_CREATE("engine_create", ADDRESS, JAVA_INT, JAVA_LONG),
    ENGINE_DESTROY("engine_destroy", ADDRESS),
    STREAM_CREATE("stream_create", ADDRESS, ADDRESS, JAVA_INT),
    STREAM_DESTROY("stream_destroy", ADDRESS),
    MATRIX_WITH_STRIDES(
        "memory_desc_create_with_strides", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS),
    MATRIX_WITH_TAG("memory_desc_create_with_tag", ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT),
    MATRIX_SIZE("memory_desc_get_size", JAVA_LONG, List.of(ADDRESS)),
    MATRIX_DESTROY("memory_desc_destroy", ADDRESS),
    MEMORY_CREATE("memory_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS),
    MEMORY_SET_HANDLE("memory_set_data_handle", ADDRESS, ADDRESS),
    MEMORY_DESTROY("memory_destroy", ADDRESS),
    ATTRIBUTES_CREATE("primitive_attr_create", ADDRESS),
    ATTRIBUTES_SET_SCRATCHPAD("primitive_attr_set_scratchpad_mode", ADDRESS, JAVA_INT),
    ATTRIBUTES_DESTROY("primitive_attr_destroy", ADDRESS),
    MATMUL_DESCRIBE(
        "matmul_primitive_desc_create",
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS,
        ADDRESS),
    REORDER_DESCRIBE(
        "reorder_primitive_desc_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS),
    DESCRIPTION_QUERY("primitive_desc_query_md", ADDRESS, List.of(ADDRESS, JAVA_INT, JAVA_INT)),
    DESCRIPTION_DESTROY("primitive_desc_destroy", ADDRESS),
    PRIMITIVE_CREATE("primitive_create", ADDRESS, ADDRESS),
    PRIMITIVE_EXECUTE("primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS),
    PRIMITIVE_DESTROY("primitive_destroy", ADDRESS);

    private final String symbol;
    private final FunctionDescriptor type;

    Name(String name, MemoryLayout result, List<MemoryLayout> parameters) {
      symbol = "dnnl_" + name;
      type = FunctionDescriptor.of(result, parameters.toArray(MemoryLayout[]::new));
    }

    Name(String name, MemoryLayout... parameters) {
      this(name, JAVA_INT, List.of(parameters));
    }
  }

  private final Map<Name, Function> functions = new EnumMap<>(Name.class);

  /**
   * Links the functions.
   *
   * @param library oneDNN, which stays loaded
   */
  OneDnnFunctions(SymbolLookup library) {
    for (Name name : Name.values()) {
      functions.put(name, new Function(library, name.symbol, name.type));
    }
  }

  Object call(Name name, Object... arguments) {
    return functions.get(name).call(arguments);
  }

  /** Calls a function for a status. */
  void require(Name name, Object... arguments) {
    int status = (int) call(name, arguments);
    if (status != 0) {
      String said = status < STATUSES.size() ? STATUSES.get(status) : "status " + status;
      throw new BackendUnavailableException("oneDNN: %s failed: %s".formatted(name.symbol, said));
    }
  }

  static final class Function {
    private final String name;
    private final MethodHandle handle;

    Function(SymbolLookup library, String name, FunctionDescriptor type) {
      this.name = name;
      handle =
          Linker.nativeLinker()
              .downcallHandle(
                  library
                      .find(name)
                      .orElseThrow(() -> new UnsatisfiedLinkError("it has no " + name)),
                  type);
    }

    Object call(Object... arguments) {
      try {
        return handle.invokeWithArguments(arguments);
      } catch (Throwable e) {
        throw new IllegalStateException("a call of " + name + " failed", e);
      }
    }
  }
}
