#include "libs/accounts/sql/connection.h"

#include <Poco/Data/RecordSet.h>
#include <Poco/Data/Statement.h>
#include <Poco/Exception.h>

namespace persona::accounts {

std::int64_t Row::number(std::size_t column) const {
    if (const auto* number = std::get_if<std::int64_t>(&values_.at(column))) return *number;
    // Expressions have no declared type: SQLite hands them over as text.
    return std::stoll(text(column));
}

const std::string& Row::text(std::size_t column) const {
    if (const auto* text = std::get_if<std::string>(&values_.at(column))) return *text;
    throw SqlError(SqlError::Kind::Fatal, "a column is not what the schema says");
}

std::optional<std::int64_t> Row::maybeNumber(std::size_t column) const {
    if (std::holds_alternative<std::monostate>(values_.at(column))) return std::nullopt;
    return number(column);
}

std::optional<std::string> Row::maybeText(std::size_t column) const {
    if (std::holds_alternative<std::monostate>(values_.at(column))) return std::nullopt;
    return text(column);
}

std::string Row::shown(std::size_t column) const {
    const auto& value = values_.at(column);
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    const auto* text = std::get_if<std::string>(&value);
    return text != nullptr ? *text : "NULL";
}

namespace {

using Poco::Data::Keywords::use;

/// The values must outlive the statement's execution: it binds by reference.
void bind(Poco::Data::Statement& statement, std::vector<Value>& values) {
    for (auto& value : values) {
        if (auto* number = std::get_if<std::int64_t>(&value))
            statement, use(*number);
        else if (auto* text = std::get_if<std::string>(&value))
            statement, use(*text);
        else
            statement, use(Poco::Data::Keywords::null);
    }
}

Value valueAt(Poco::Data::RecordSet& set, std::size_t column, std::size_t row) {
    if (set.isNull(column, row)) return {};
    const auto value = set.value(column, row);
    if (value.isInteger() || value.isBoolean()) return value.convert<std::int64_t>();
    return value.convert<std::string>();
}

}  // namespace

void Connection::control(const std::string& sql) {
    if (before_) before_(sql);
    dialect_.control(session_, sql);
}

std::size_t Connection::execute(const std::string& sql, std::vector<Value> values) {
    if (before_) before_(sql);
    // Outlives the handler: closing it would take the engine's word for the error with it.
    Poco::Data::Statement statement(session_);
    try {
        statement << sql;
        bind(statement, values);
        return statement.execute();
    } catch (const Poco::Exception&) {
        throw dialect_.translate(session_);
    }
}

std::vector<Row> Connection::query(const std::string& sql, std::vector<Value> values) {
    if (before_) before_(sql);
    Poco::Data::Statement statement(session_);  // as above
    try {
        statement << sql;
        bind(statement, values);
        statement.execute();
        Poco::Data::RecordSet set(statement);
        std::vector<Row> rows;
        for (std::size_t row = 0; row < set.rowCount(); ++row) {
            std::vector<Value> cells;
            for (std::size_t column = 0; column < set.columnCount(); ++column)
                cells.push_back(valueAt(set, column, row));
            rows.emplace_back(std::move(cells));
        }
        return rows;
    } catch (const Poco::Exception&) {
        throw dialect_.translate(session_);
    }
}

std::optional<Row> Connection::first(const std::string& sql, std::vector<Value> values) {
    auto rows = query(sql, std::move(values));
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

}  // namespace persona::accounts
