#pragma once

#include <Poco/Data/Session.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace persona::accounts {

/// NULL, a number or a text: all that our schema has.
using Value = std::variant<std::monostate, std::int64_t, std::string>;

[[nodiscard]] inline Value orNull(const std::optional<std::string>& text) {
    return text ? Value(*text) : Value();
}
[[nodiscard]] inline Value orNull(const std::optional<std::int64_t>& number) {
    return number ? Value(*number) : Value();
}

/// One row of a result.
class Row {
  public:
    explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
    [[nodiscard]] std::int64_t number(std::size_t column) const;
    [[nodiscard]] const std::string& text(std::size_t column) const;
    [[nodiscard]] std::optional<std::int64_t> maybeNumber(std::size_t column) const;
    [[nodiscard]] std::optional<std::string> maybeText(std::size_t column) const;
    [[nodiscard]] std::size_t size() const { return values_.size(); }
    /// As a person would write it; NULL is "NULL".
    [[nodiscard]] std::string shown(std::size_t column) const;

  private:
    std::vector<Value> values_;
};

/// What went wrong with a statement, as far as a transaction has to care. Thrown by Connection,
/// caught by Database.
class SqlError : public std::runtime_error {
  public:
    enum class Kind {
        Again,  ///< deadlock, certification failure, lock timeout, unique violation: run all anew
        Lost,   ///< the connection is gone or of no use: run all anew on another
        Fatal,  ///< anything else: no space, corruption, a missing table
    };
    SqlError(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
    [[nodiscard]] Kind kind() const { return kind_; }

  private:
    Kind kind_;
};

/// What the two engines do differently below SQL.
class Dialect {
  public:
    virtual ~Dialect() = default;
    /// What the exception that is being handled means.
    [[nodiscard]] virtual SqlError translate(Poco::Data::Session& session) const = 0;
    /// Runs BEGIN, COMMIT and the like, which have neither values nor results. Throws SqlError.
    virtual void control(Poco::Data::Session& session, const std::string& sql) const = 0;
    /// Goes behind every CREATE TABLE (...).
    [[nodiscard]] virtual const char* tableOptions() const = 0;
    /// Whether CREATE TABLE can be rolled back.
    [[nodiscard]] virtual bool transactionalSchema() const = 0;
    /// SQL that gives one row when that table is there; the name is the one parameter.
    [[nodiscard]] virtual const char* tableExists() const = 0;
    /// The same for an index; parameters are the names of the table and of the index.
    [[nodiscard]] virtual const char* indexExists() const = 0;
};

using BeforeStatement = std::function<void(std::string_view sql)>;

/// One session with its engine. Not thread-safe.
class Connection {
  public:
    Connection(Poco::Data::Session session, const Dialect& dialect, BeforeStatement before)
        : session_(std::move(session)), dialect_(dialect), before_(std::move(before)) {}

    /// BEGIN, COMMIT and the like. Throws SqlError.
    void control(const std::string& sql);
    /// Rows changed (MySQL: those whose values differ afterwards). Throws SqlError.
    std::size_t execute(const std::string& sql, std::vector<Value> values = {});
    /// Throws SqlError.
    [[nodiscard]] std::vector<Row> query(const std::string& sql, std::vector<Value> values = {});
    /// The first row, if any. Throws SqlError.
    [[nodiscard]] std::optional<Row> first(const std::string& sql, std::vector<Value> values = {});

    [[nodiscard]] Poco::Data::Session& session() { return session_; }
    [[nodiscard]] const Dialect& dialect() const { return dialect_; }

  private:
    Poco::Data::Session session_;
    const Dialect& dialect_;
    BeforeStatement before_;
};

}  // namespace persona::accounts
